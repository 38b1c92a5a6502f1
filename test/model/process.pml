/* What a process remembers, and what it does with that. lib/worker is where that is. */

mtype = { idle, sent, answered };                  /* the claim of a process */
mtype = { none, waiting, beginning, running };     /* an attempt: lib/worker/run/slot-run.ts */

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
  :: HANDLERS && DISTURB -> P.endless = true
  fi
}

/* The lease of new claims is given up; what runs under it goes on. */
inline retire() {
  if
  :: P.lease != 0 && P.retired == 0 -> P.retired = P.lease; P.lease = 0
  :: else
  fi
}

/* What runs under the lease is told; the next beat takes a new one. */
inline lease_lost() {
  P.isLost = P.isLost || P.attempt != none && P.own.lease == P.lease;
  P.lease = 0
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
