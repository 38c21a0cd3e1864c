// Box:   stats.   Uses: platform.   Must not know: wrap.
// Holds: the totals as text, JSON and XML, without stdio.
// Locks: none.   Read next: alloc/stats/report.cc

#ifndef HAKMEM_ALLOC_STATS_REPORT_H_
#define HAKMEM_ALLOC_STATS_REPORT_H_

#include <cstddef>
#include <cstdint>

#include "alloc/stats/stats.h"

namespace hakmem::stats {

// Where text goes: a file descriptor, or somebody's stream.
struct Sink {
  void (*write)(void* context, const char* text, size_t bytes);
  void* context;
};
Sink FdSink(const int* fd);

// `foreign_frees` is the one number that the boxes do not have, and only
// checked writes.
void WriteText(const Totals& totals, uint64_t foreign_frees, Sink sink);
void WriteJson(const Totals& totals, uint64_t foreign_frees, Sink sink);
// In the shape of glibc's malloc_info, version 1.
void WriteXml(const Totals& totals, Sink sink);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_REPORT_H_
