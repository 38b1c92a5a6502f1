/*
 * Who holds a task: the protocol between the processes and the database, for one task and two processes.
 * Every rule names the file that implements it. Each step is atomic; between steps anything else may happen.
 * README.md says what is left out, how to run it, and what it found.
 *
 * A variant (-DNAME) puts one old rule back. The runner demands that the checker finds a fault in each of them.
 */

#include "bounds.pml"
#include "database.pml"
#include "process.pml"

proctype Worker(byte p) {
end:
  do
  /* ---- Leases: lease-keeper.ts ---- */
  :: atomic { P.lease == 0 && (P.retired == 0 || CLAIMABLE || row.lease == P.retired) -> db_acquire(p); P.lease = lastLease }
  /* A heartbeat finds that a lease is gone: what runs under it is told. */
  :: atomic { P.lease != 0 && !EXISTS(P.lease) -> lease_lost() }
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
       :: P.taken.claim == 0 ->
            /* Rows were found and none taken, since the lease is gone: the heartbeat looks at once. */
            if
            :: P.lease != 0 && !EXISTS(P.lease) -> lease_lost()
            :: else
            fi
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
  :: atomic { LOST_CLAIMS && P.claim != idle && P.stray == idle && DISTURB -> claim_given_up() }
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
  :: atomic { UNCLAIMS && P.attempt == waiting && P.outcome == nothing && DISTURB -> attempt_end(unclaim) }
  /* The handler ends. */
  :: atomic { P.attempt == running && (!P.endless || P.isLost) && P.outcome == nothing ->
       if
       :: true -> attempt_end(success)
       :: true -> attempt_end(failure)
       :: SNOOZES && DISTURB -> attempt_end(snooze)
       fi }
  /* It does not end in time: the attempt has failed, the body goes on. */
  :: atomic { HANDLERS && P.attempt == running && !P.body && P.outcome == nothing && DISTURB ->
       P.body = true; P.knowsBody = true; attempt_end(failure) }
  :: atomic { P.body -> P.body = false; P.knowsBody = false }
  /* completer.ts: the handler settles its attempt in its own transaction, which commits, or rolls back. */
  :: atomic { HANDLERS && P.attempt == running && !P.isLost && !P.completed && HOLDS(P.own) && DISTURB ->
       P.completed = true;
       if
       :: true
       :: P.endless = true   /* it goes on until it is told to end */
       fi;
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
#if RESTORES
    /* A backup may be older than the processes. */
    if
    :: true
    :: isSaved = true; savedRow.status = open; savedRow.left = MAX_ATTEMPTS
    fi;
#endif
    db_acquire(0); proc[0].lease = lastLease; db_acquire(1); proc[1].lease = lastLease;
    run Worker(0); run Worker(1); run Operators(); run Judge(0)
  }
}
