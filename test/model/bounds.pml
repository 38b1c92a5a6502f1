/* What the search is bounded by: -DNAME=VALUE. */

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
#ifndef UNCLAIMS
#define UNCLAIMS 1
#endif
#ifndef LOST_CLAIMS
#define LOST_CLAIMS 1
#endif
#ifndef HANDLERS
#define HANDLERS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef STOPS
#define STOPS 1
#endif
