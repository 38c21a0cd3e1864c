// Box:   stats.   Uses: base, superslab.   Must not know: wrap.
// Holds: what locks have counted about themselves, in words; only the checked
//        variant has the code, and calls it.
// Locks: none.   Read next: alloc/stats/lock_report.cc

#ifndef HAKMEM_ALLOC_STATS_LOCK_REPORT_H_
#define HAKMEM_ALLOC_STATS_LOCK_REPORT_H_

#include "alloc/stats/writer.h"

namespace hakmem::stats {

// A line for each name, and one for the stages of the acquire.
void WriteLocksText(Writer& out);
// ,"locks":[...],"stages":{...}
void WriteLocksJson(Writer& out);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_LOCK_REPORT_H_
