/*
 * The database: one row of the task table, the lease table, and what each statement does to them. A statement is atomic.
 * lib/storage/sql is where these statements are.
 */

mtype = { open, succeeded, cancelled, broken };           /* the status of the row; open is new and must_retry */
mtype = { nothing, success, failure, snooze, unclaim, begin };  /* what an attempt writes to the row */

/* An attempt, as whoever took the row names it. */
typedef Name {
  byte claim;    /* the number of the claim that took the row */
  byte lease;
  byte elapsed;  /* how many attempts the row had begun, this one included: part of the old fence */
  byte truth     /* GHOST: which claim it really was; no rule may read it, the invariants do */
}

typedef Row {
  mtype status;
  byte claim;    /* pgqueue.claim_id; 0 is null */
  byte lease;    /* pgqueue.lease_id; 0 is null */
  bool used;     /* the attempt that holds the row is used up: in the row, that claim_id has no minus */
  byte left;
  byte elapsed;
  byte counter;  /* of the variant CLAIMS_COUNT_IN_THE_ROW alone */
  byte truth;    /* GHOST: the claim that holds the row */
  bool slotted   /* GHOST: its attempt has a slot, so that it is about to begin */
}

Row row;
short leases;          /* which leases exist: a bit for each */
byte ownerOf[9];       /* GHOST: which process made a lease, counted from 1 */
byte lastLease;
byte lastClaim;        /* GHOST: how many claims took the row */
short over;            /* GHOST: the claims that are over by right: settled by themselves, cancelled, rescued, restored away */

#if RESTORES
Row savedRow;          /* a backup of all that */
short savedLeases;
byte savedLastLease;
bool isSaved, isRestored;
#endif

/* How many more disturbances may come: the bound of the whole model. */
byte disturbances = DISTURBANCES;
#define DISTURB disturbances > 0 -> disturbances--; forget_backup(disturbances == 0)

/* A backup that no restore can follow makes no difference. */
inline forget_backup(useless) {
#if RESTORES
  if
  :: useless ->
       savedRow.status = 0; savedRow.claim = 0; savedRow.lease = 0; savedRow.used = false; savedRow.left = 0; savedRow.elapsed = 0;
       savedRow.counter = 0; savedRow.truth = 0; savedRow.slotted = false; savedLeases = 0; savedLastLease = 0; isSaved = true
  :: else
  fi
#else
  skip
#endif
}

#define BIT(n) (1 << (n))
#define EXISTS(l) ((leases & BIT(l)) != 0)

/* settle.sql.ts: an outcome changes the row only while its attempt holds it. */
#ifdef FENCE_BY_ATTEMPTS
#define HOLDS(a) (row.lease != 0 && row.lease == a.lease && row.elapsed == a.elapsed)
#else
#define HOLDS(a) (row.claim != 0 && row.claim == a.claim)
#endif

#define CLAIMABLE (row.status == open && row.lease == 0)

/* The rules of before counted an attempt when it was claimed, the last one too. */
#if defined(FENCE_BY_ATTEMPTS) || defined(CLAIM_USES_LAST_ATTEMPT)
#define USES_AT_CLAIM true
#else
#define USES_AT_CLAIM (row.left > 1)
#endif

inline name_clear(name) { name.claim = 0; name.lease = 0; name.elapsed = 0; name.truth = 0 }
inline name_copy(name, from) {
  name.claim = from.claim; name.lease = from.lease; name.elapsed = from.elapsed; name.truth = from.truth
}

/*
 * claim.sql.ts: takes the row, if it is free and the lease exists (FOR KEY SHARE). The number of the claim comes from the process
 * (claim-numbers.ts) and no other claim ever has it: here it is the number of the claims that took the row.
 */
inline db_claim(number, name) {
  if
  :: CLAIMABLE && EXISTS(number) ->
       lastClaim++;
       row.truth = lastClaim;
#ifdef CLAIMS_COUNT_IN_THE_ROW
       row.counter++;
       row.claim = row.counter;
#else
       row.claim = lastClaim;
#endif
       row.lease = number;
       row.used = USES_AT_CLAIM;
       row.left = row.left - row.used;
       row.elapsed = row.elapsed + row.used;
       name.claim = row.claim; name.lease = number; name.elapsed = row.elapsed; name.truth = row.truth
  :: else -> name_clear(name)
  fi
}

/* It has ended, and its attempts don't matter any more. */
inline row_over() {
  row.left = 0; row.elapsed = 0; row.lease = 0; row.claim = 0; row.truth = 0; row.used = false; row.slotted = false
}

/* Nobody's any more. `back`: an attempt that was used up is given back. */
inline db_release(back) {
  row.left = row.left + (row.used && back);
  row.elapsed = row.elapsed - (row.used && back);
  row.lease = 0; row.claim = 0; row.truth = 0; row.used = false;
  /* INVARIANT: attempts are neither lost nor won. */
  assert(row.left + row.elapsed == MAX_ATTEMPTS);
  if
  :: row.left == 0 ->
       row.status = broken;
       /* INVARIANT: a last attempt is used up by an attempt that had its slot, not by one that only waited for it. */
#ifndef FENCE_BY_ATTEMPTS
       assert(row.slotted)
#else
       skip
#endif
  :: else
  fi;
  row.slotted = false
}

/* settle.sql.ts: an outcome, a last attempt's beginning, a completion in the handler's own transaction. */
inline db_settle(kind, name) {
  if
  :: HOLDS(name) ->
       /* INVARIANT: what one attempt writes never meets the row of another. */
       assert(row.truth == name.truth);
       /* INVARIANT: what has ended is never opened again by an outcome. */
       assert(row.status == open);
       if
       :: kind == begin -> row.left = row.left - !row.used; row.elapsed = row.elapsed + !row.used;
            row.used = true; row.slotted = true
       :: kind == success -> over = over | BIT(name.truth); row.status = succeeded; row_over()
       :: kind == failure -> over = over | BIT(name.truth); db_release(false)
       :: kind == snooze || kind == unclaim -> over = over | BIT(name.truth); db_release(true)
       fi
  :: else
  fi
}

/* lease.sql.ts: the rows of a lease that has ended are given back, in the same transaction. */
inline db_end_lease(number, back) {
  leases = leases & ~BIT(number);
  if
  :: row.lease == number -> db_release(back)
  :: else
  fi
}

/* lease.sql.ts, acquire: a lease's number is drawn at random, so that it never comes again; a sequence goes back
 * with a restore. */
inline db_acquire(who) {
  lastLease++;
  leases = leases | BIT(lastLease);
  ownerOf[lastLease] = who + 1
}

/* What operators and producers do. Each is one disturbance. */
proctype Operators() {
end:
  do
  /* manage.sql.ts, act.sql.ts: cancel. */
  :: atomic { CANCELS && row.status == open && DISTURB ->
       over = over | BIT(row.truth);
       row.status = cancelled; row_over() }
  /* act.sql.ts: retryTasks; new attempts, counted from 1. */
  :: atomic { RETRIES && row.status == broken && DISTURB -> row.status = open; row.left = MAX_ATTEMPTS; row.elapsed = 0 }
  /* push.sql.ts, pushReplacing: arms the task anew, in whatever state it is that nobody holds. */
  :: atomic { REPLACES && row.lease == 0 && DISTURB -> row.status = open; row.left = MAX_ATTEMPTS; row.elapsed = 0 }
#if RESTORES
  /* A backup, a standby that lags, a point in time. */
  :: atomic { !isSaved ->
       isSaved = true; savedLeases = leases; savedLastLease = lastLease;
       savedRow.status = row.status; savedRow.claim = row.claim; savedRow.lease = row.lease; savedRow.used = row.used;
       savedRow.left = row.left; savedRow.elapsed = row.elapsed; savedRow.counter = row.counter; savedRow.truth = row.truth;
       savedRow.slotted = row.slotted }
  /* The server goes back to it, under processes that live on. */
  :: atomic { isSaved && !isRestored && disturbances > 0 ->
       disturbances--; isRestored = true; leases = savedLeases; over = BIT(lastClaim + 1) - 1;
       row.status = savedRow.status; row.claim = savedRow.claim; row.lease = savedRow.lease; row.used = savedRow.used;
       row.left = savedRow.left; row.elapsed = savedRow.elapsed; row.counter = savedRow.counter; row.truth = savedRow.truth;
       row.slotted = savedRow.slotted;
#ifdef LEASES_BY_SEQUENCE
       lastLease = savedLastLease;
#endif
       forget_backup(true) }
#endif
  od
}
