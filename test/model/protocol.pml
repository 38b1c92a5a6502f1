/*
 * Who holds a task: the protocol between the processes and the database, for one task and two processes.
 * Every rule names the file that implements it. Each step is atomic; between steps anything else may happen.
 * README.md says what is left out, how to run it, and what it found.
 *
 * A variant (-DNAME) puts one old rule back. The runner demands that the checker finds a fault in each of them.
 */

#ifndef DISTURBANCES
#define DISTURBANCES 3
#endif
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 2
#endif
/* What may disturb: set to 0 to look at the others alone. */
#ifndef CANCELS
#define CANCELS 1
#endif
#ifndef RETRIES
#define RETRIES 1
#endif
#ifndef REPLACES
#define REPLACES 1
#endif
#ifndef RESTORES
#define RESTORES 1
#endif
#ifndef SNOOZES
#define SNOOZES 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef STOPS
#define STOPS 1
#endif

#include "database.pml"

mtype = { idle, sent, answered };                  /* the claim of a process */
mtype = { none, waiting, beginning, running };     /* an attempt: lib/worker/attempt.ts */

typedef Process {
  byte lease;          /* lease-keeper.ts: what new claims are made under; 0 while there is none */
  byte retired;        /* an older one, kept alive until its attempts are settled */
  bool longHandler;    /* a handler of another task runs under the older lease, and may do so for hours */

  mtype claim;         /* claimer.ts: one claim is on its way at most */
  byte claimLease;
  Name taken;          /* what its answer brings; claim 0: nothing */

  mtype stray;         /* a claim whose answer was given up: sent, the server may be at it still; answered, it has ended */
  byte strayLease;
  Name strayed;        /* what it took */
  bool isLooking;      /* reconciler.ts looks for it */
  byte suspect;        /* reconciler.ts: a claim of a row that this process's lease holds, and that it does not know */

  mtype attempt;       /* worker-pool.ts */
  Name own;
  bool isLost;         /* told that the row is no longer its own: the signal is aborted, the outcome discarded */
  bool completed;      /* completer.ts: completeIn was called, in a transaction that may have rolled back */
  bool endless;        /* its handler ends by its signal alone */

  mtype outcome;       /* settler.ts: an outcome that is not known to be written */
  Name settled;

  bool body;           /* a handler of the task outlived its attempt: it timed out, or the run of the process ended */
  bool knowsBody       /* abandoned-handlers.ts: the process knows of it */
}

Process proc[2];

mtype late = nothing;  /* a statement whose answer was given up before the server has come to it */
Name lateName;

#define P proc[p]
#define OTHER proc[1 - p]
#define OWNS(l) ((l) != 0 && (P.lease == (l) || P.retired == (l)))
#define SOMEBODY_OWNS(l) (OWNS(l) || OTHER.lease == (l) || OTHER.retired == (l))
#define IS_FREE (P.attempt == none && !P.body)
/* reconciler.ts: what runs here, and what is on its way to the database. */
#define KNOWS(c) (P.attempt != none && P.own.claim == (c) || P.outcome != nothing && P.settled.claim == (c))
/* An attempt, or an outcome of one, whose claim nobody ended by right. */
#define COUNTS(a) ((over & BIT(a.truth)) == 0)

inline attempt_clear() { P.attempt = none; name_clear(P.own); P.isLost = false; P.completed = false; P.endless = false }

/* The attempt has an outcome, which goes to the settler; that of a lost one is discarded. */
inline attempt_end(kind) {
  if
  :: P.isLost && !P.completed
  :: else -> P.outcome = kind; name_copy(P.settled, P.own)
  fi;
  attempt_clear()
}

/* worker-pool.ts, startBody: the handler is called. */
inline body_start() {
  /* INVARIANT: a process never runs a task beside an older body of the same task. */
  assert(!P.body);
  /* INVARIANT: nobody else runs the task, or has an outcome of it to write, unless one of the two was ended by right. */
  assert(!(COUNTS(P.own) && OTHER.attempt == running && !OTHER.isLost && COUNTS(OTHER.own)));
  assert(!(COUNTS(P.own) && OTHER.outcome == success && COUNTS(OTHER.settled)));
  assert(!(COUNTS(P.own) && P.outcome == success && COUNTS(P.settled)));
  P.attempt = running;
  if
  :: true
  :: DISTURB -> P.endless = true
  fi
}

/* The lease of new claims is given up; what runs under it goes on. */
inline retire() {
  if
  :: P.lease != 0 && P.retired == 0 -> P.retired = P.lease; P.lease = 0
  :: else
  fi
}

/* settler.ts: the answer to a write never came. Before, the lease went where the write gave an attempt back. */
inline outcome_uncertain() {
#ifdef FENCE_BY_ATTEMPTS
  if
  :: P.outcome == snooze || P.outcome == unclaim -> retire()
  :: else
  fi
#else
  skip
#endif
}

/* claimer.ts: whether a claim took anything is unknown: nothing of it is ever started, and the reconciler looks for it. */
inline claim_given_up() {
  P.stray = P.claim; P.strayLease = P.claimLease; name_copy(P.strayed, P.taken);
  P.claim = idle; P.claimLease = 0; name_clear(P.taken);
#ifdef UNKNOWN_IS_ROLLED_BACK
  skip
#else
#ifdef NO_RECONCILIATION
  retire();
#else
  P.isLooking = true;
#endif
#endif
  if
  :: P.stray == answered && !P.isLooking -> P.stray = idle; P.strayLease = 0; name_clear(P.strayed)
  :: else
  fi
}

/* Nothing of what a process remembers outlives it; what the server still has of it does. */
inline forget() {
  attempt_clear();
  P.outcome = nothing; name_clear(P.settled);
  P.lease = 0; P.retired = 0; P.longHandler = false; P.suspect = 0; P.isLooking = false;
  if
  :: P.claim == sent && P.stray == idle -> P.stray = sent; P.strayLease = P.claimLease
  :: P.claim != sent && P.stray == answered -> P.stray = idle; P.strayLease = 0; name_clear(P.strayed)
  :: else
  fi;
  P.claim = idle; P.claimLease = 0; name_clear(P.taken)
}

proctype Worker(byte p) {
end:
  do
  /* ---- Leases: lease-keeper.ts ---- */
  :: atomic { P.lease == 0 && (P.retired == 0 || CLAIMABLE || row.lease == P.retired) -> db_acquire(p); P.lease = lastLease }
  /* A heartbeat finds that a lease is gone: what runs under it is told. */
  :: atomic { P.lease != 0 && !EXISTS(P.lease) ->
       P.isLost = P.isLost || P.attempt != none && P.own.lease == P.lease; P.lease = 0 }
  :: atomic { P.retired != 0 && !EXISTS(P.retired) ->
       P.isLost = P.isLost || P.attempt != none && P.own.lease == P.retired; P.retired = 0; P.longHandler = false }
  /* INVARIANT: nobody beats for the lease of another. */
  :: atomic { P.lease != 0 && EXISTS(P.lease) && ownerOf[P.lease] != p + 1 -> assert(false) }
  /* Another session has the lease's lock. */
  :: atomic { P.lease != 0 && P.retired == 0 && DISTURB -> retire() }
  /* Under a retired lease nothing is left to run or to write: it ends, and what it may hold is given back. */
  :: atomic { P.retired != 0 && EXISTS(P.retired) && !P.longHandler &&
       !(P.attempt != none && P.own.lease == P.retired) && !(P.outcome != nothing && P.settled.lease == P.retired) ->
       db_end_lease(P.retired, true); P.retired = 0 }
#ifdef LONG_HANDLER
  :: atomic { P.retired != 0 && !P.longHandler && DISTURB -> P.longHandler = true }
#endif

  /* ---- Rescue: maintenance/rescuer.ts ---- */
  /* A lease for which nobody beats, or that does not exist: its process is dead. */
  :: atomic { row.lease != 0 && row.status == open && !SOMEBODY_OWNS(row.lease) ->
       over = over | BIT(row.truth); db_end_lease(row.lease, false) }
  /* A process that was halted for longer than the lease's time-out. */
  :: atomic { row.lease != 0 && EXISTS(row.lease) && !OWNS(row.lease) && SOMEBODY_OWNS(row.lease) && DISTURB ->
       over = over | BIT(row.truth); db_end_lease(row.lease, false) }

  /* ---- Claims: claimer.ts ---- */
  :: atomic { P.claim == idle && P.lease != 0 && CLAIMABLE && IS_FREE -> P.claim = sent; P.claimLease = P.lease }
  :: atomic { P.claim == idle && P.lease != 0 && CLAIMABLE && !IS_FREE && DISTURB -> P.claim = sent; P.claimLease = P.lease }
  :: atomic { P.claim == sent -> db_claim(P.claimLease, P.taken); P.claim = answered }
  /* The answer. */
  :: atomic { P.claim == answered && (P.taken.claim == 0 || P.outcome == nothing) ->
       if
       :: P.taken.claim == 0
#ifndef LATE_ANSWERS_START
       /* An answer that comes under a lease that was given up starts nothing. */
       :: P.taken.claim != 0 && P.claimLease != P.lease -> P.outcome = unclaim; name_copy(P.settled, P.taken)
       :: P.taken.claim != 0 && P.claimLease == P.lease ->
#else
       :: P.taken.claim != 0 ->
#endif
            if
            /* worker-pool.ts, start: an older body of the task runs here. The new attempt waits for its end. */
            :: P.attempt != none || P.knowsBody ->
                 P.isLost = P.isLost || P.attempt != none; P.outcome = snooze; name_copy(P.settled, P.taken)
            :: else -> P.attempt = waiting; name_copy(P.own, P.taken)
            fi
       fi;
       P.claim = idle; P.claimLease = 0; name_clear(P.taken) }
  /* The answer does not come: lost, or in time for nobody. The server may have begun, or not. */
  :: atomic { P.claim != idle && P.stray == idle && DISTURB -> claim_given_up() }
  :: atomic { P.stray == sent ->
       db_claim(P.strayLease, P.strayed);
       if
       :: P.isLooking -> P.stray = answered
       :: else -> P.stray = idle; P.strayLease = 0; name_clear(P.strayed)
       fi }

  /* ---- Reconciliation: reconciler.ts ---- */
  /* It looks for what a claim took whose answer was lost, until that can't be on its way any more. */
  :: atomic { P.isLooking && P.stray == answered ->
       if
       :: P.strayed.claim != 0 -> db_settle(unclaim, P.strayed)
       :: else
       fi;
       P.isLooking = false; P.stray = idle; P.strayLease = 0; name_clear(P.strayed) }
#ifndef NO_RECONCILIATION
  /* It compares what its leases hold with what it knows. */
  :: atomic { P.suspect == 0 && row.status == open && OWNS(row.lease) && !KNOWS(row.claim) -> P.suspect = row.claim }
  /* What it does not know may be in an answer that is on its way: it compares again when that has come. */
#ifdef COMPARES_AT_ONCE
  :: atomic { P.suspect != 0 ->
#else
  :: atomic { P.suspect != 0 && P.claim == idle ->
#endif
       if
       :: row.claim == P.suspect && !KNOWS(P.suspect) -> db_release(true)
       :: else
       fi;
       P.suspect = 0 }
#endif

  /* ---- Attempts: worker-pool.ts, last-attempts.ts ---- */
  /* There is a slot. */
  :: atomic { P.attempt == waiting && !P.isLost ->
       row.slotted = row.slotted || row.truth == P.own.truth;
       if
       :: HOLDS(P.own) && !row.used -> P.attempt = beginning   /* the answer told that no other attempt is left */
       :: else -> body_start()
       fi }
  /* A last attempt is used up by a statement of its own, before its body starts. */
  :: atomic { P.attempt == beginning && !P.isLost ->
       db_settle(begin, P.own);
       if
       :: HOLDS(P.own) -> body_start()
       :: else -> P.isLost = true
       fi }
  :: atomic { P.attempt == beginning && !P.isLost && DISTURB -> db_settle(begin, P.own) }   /* the answer is lost: again */
  :: atomic { P.attempt == beginning && late == nothing && DISTURB -> late = begin; name_copy(lateName, P.own) }
  /* What did not begin is given back: the kind was paused, the process stops, or the row is somebody else's. */
  :: atomic { (P.attempt == waiting || P.attempt == beginning) && P.isLost && P.outcome == nothing -> attempt_end(unclaim) }
  :: atomic { P.attempt == waiting && P.outcome == nothing && DISTURB -> attempt_end(unclaim) }
  /* The handler ends. */
  :: atomic { P.attempt == running && (!P.endless || P.isLost) && P.outcome == nothing ->
       if
       :: true -> attempt_end(success)
       :: true -> attempt_end(failure)
       :: SNOOZES && DISTURB -> attempt_end(snooze)
       fi }
  /* It does not end in time: the attempt has failed, the body goes on. */
  :: atomic { P.attempt == running && !P.body && P.outcome == nothing && DISTURB ->
       P.body = true; P.knowsBody = true; attempt_end(failure) }
  :: atomic { P.body -> P.body = false; P.knowsBody = false }
  /* completer.ts: the handler settles its attempt in its own transaction, which commits, or rolls back. */
  :: atomic { P.attempt == running && !P.isLost && !P.completed && HOLDS(P.own) && DISTURB ->
       P.completed = true;
       if
       :: db_settle(success, P.own)
       :: true
       fi }
  /* attempt-watch.ts: it asks whether the row is still the attempt's. A completion that rolled back is none. */
#ifdef COMPLETION_IS_BELIEVED
  :: atomic { P.attempt != none && !P.isLost && !HOLDS(P.own) && !P.completed -> P.isLost = true }
#else
  :: atomic { P.attempt != none && !P.isLost && !HOLDS(P.own) && !(P.completed && row.status == succeeded) -> P.isLost = true }
#endif

  /* ---- Outcomes: settler.ts ---- */
  :: atomic { P.outcome != nothing -> db_settle(P.outcome, P.settled); P.outcome = nothing; name_clear(P.settled) }
  /* The answer is lost: the write is repeated. */
  :: atomic { P.outcome != nothing && DISTURB -> db_settle(P.outcome, P.settled); outcome_uncertain() }
  /* The answer is given up, and the server comes to the write later, when it was repeated already. */
  :: atomic { P.outcome != nothing && late == nothing && DISTURB ->
       late = P.outcome; name_copy(lateName, P.settled); outcome_uncertain() }
  :: atomic { late != nothing -> db_settle(late, lateName); late = nothing; name_clear(lateName) }

  /* ---- The process: worker-process.ts ---- */
#if CRASHES
  /* Killed. Another one takes its place. */
  :: atomic { DISTURB -> forget(); P.body = false; P.knowsBody = false }
#endif
#if STOPS
  /* stop() and start() again: what runs is given back if the database allows it, and its body goes on. */
  :: atomic { P.outcome == nothing && !P.body && DISTURB ->
       P.body = P.attempt == running;
#ifndef STOP_FORGETS_BODIES
       P.knowsBody = P.body;
#endif
       if
       :: P.attempt == running -> attempt_end(snooze)
       :: P.attempt == waiting || P.attempt == beginning -> attempt_end(unclaim)
       :: else
       fi;
       if
       :: P.outcome != nothing -> db_settle(P.outcome, P.settled)
       :: true    /* it could not be written: the rescue gives the task back */
       fi;
       if
       /* A lease that nothing can point to ends. */
       :: P.lease != 0 && P.claim == idle && P.stray == idle && row.lease != P.lease -> leases = leases & ~BIT(P.lease)
       :: else
       fi;
       forget() }
#endif
  od
}

/* When nothing can happen any more. */
proctype Judge(byte p) {
  atomic { timeout ->
    /* INVARIANT: no task is lost: it has ended, or somebody who knows of it runs it. */
    assert(row.status != open || proc[0].attempt == running && HOLDS(proc[0].own) || proc[1].attempt == running && HOLDS(proc[1].own));
    /* INVARIANT: who runs what is no longer his was told. */
    p = 0;
    do
    :: p < 2 ->
         assert(P.attempt != running || P.isLost || HOLDS(P.own) || P.completed && row.status == succeeded);
         p++
    :: else -> break
    od }
}

init {
  atomic {
    row.status = open; row.left = MAX_ATTEMPTS;
    proc[0].claim = idle; proc[0].stray = idle; proc[0].attempt = none; proc[0].outcome = nothing;
    proc[1].claim = idle; proc[1].stray = idle; proc[1].attempt = none; proc[1].outcome = nothing;
    db_acquire(0); proc[0].lease = lastLease; db_acquire(1); proc[1].lease = lastLease;
    run Worker(0); run Worker(1); run Operators(); run Judge(0)
  }
}
