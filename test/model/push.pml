/*
 * A push that commits by itself, and whose answer may be lost: lib/producer/push-gatherer.ts. Two callers, whose pushes go in one
 * statement.
 */
mtype = { waiting, acknowledged, refused, unknown };   /* what a caller was told */
mtype told[2] = waiting;
byte stored[2];
bool committed;

/* One statement for the pushes that wait: it commits, or it does not, and the answer comes, or it does not. */
inline statement(both, one) {
  committed = false;
  if
  :: committed = true;
     if
     :: both || one == 0 -> stored[0]++
     :: else
     fi;
     if
     :: both || one == 1 -> stored[1]++
     :: else
     fi
  :: true
  fi
}

active proctype Gatherer() {
  byte i;
  atomic {
    statement(true, 0);
    if
    :: committed -> told[0] = acknowledged; told[1] = acknowledged
    /* The server says that it did nothing: each is pushed alone, so that none fails for what another brought. */
    :: !committed -> i = 2
    /* Nobody knows: a connection that broke, an error that a pooler made up. */
    :: true ->
#ifdef PUSHES_AGAIN_WHEN_UNKNOWN
         i = 2
#else
         told[0] = unknown; told[1] = unknown
#endif
    fi;
    do
    :: i > 0 ->
         i--;
         statement(false, i);
         if
         :: committed -> told[i] = acknowledged
         :: !committed -> told[i] = refused
         :: true -> told[i] = unknown
         fi
    :: else -> break
    od;
    /* INVARIANT: an acknowledged push is stored once, a refused one is not; of the others the caller knows that nobody knows. */
    for (i : 0 .. 1) {
      assert(told[i] != waiting && stored[i] <= 1);
      assert(told[i] != acknowledged || stored[i] == 1);
      assert(told[i] != refused || stored[i] == 0)
    }
  }
}
