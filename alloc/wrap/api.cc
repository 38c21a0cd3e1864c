// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: hakmem.h and the GNU diagnostics, with hakmem's own numbers.
// Locks: none here.   Read next: alloc/stats/stats.h

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "alloc/base/variant.h"
#include "alloc/large/large.h"
#include "alloc/stats/report.h"
#include "alloc/superslab/budget.h"
#include "alloc/tiny/small.h"
#include "alloc/wrap/domain.h"
#include "alloc/wrap/gnu_types.h"
#include "alloc/wrap/hakmem.h"
#include "alloc/wrap/memory.h"

using namespace hakmem;

// Weak: who passes a FILE has stdio, who does not need not link it. Whoever
// has a FILE but not fwrite still has what a full buffer calls; writing every
// character through it is slow and right (glibc 2.36, libio/genops.c).
extern "C" {
size_t fwrite(const void* text, size_t size, size_t count, void* stream)
    __attribute__((weak));
int __overflow(void* stream, int c) __attribute__((weak));
}

namespace {

size_t Trim(int level) {
  const size_t before = superslab::Read(superslab::g_budget.purged);
  if (level > 0) {
    large::FlushThread();
    tiny::TrimAllHeaps();
  }
  superslab::Purge(level > 0 ? 0 : superslab::DirtyBound() / 2,
                   level > 0 ? 0 : 1);
  return superslab::Read(superslab::g_budget.purged) - before;
}

void WriteToStream(void* stream, const char* text, size_t bytes) {
  if (fwrite != nullptr) {
    (void)fwrite(text, 1, bytes, stream);
  } else if (__overflow != nullptr) {
    for (size_t i = 0; i < bytes; ++i) {
      (void)__overflow(stream, static_cast<unsigned char>(text[i]));
    }
  }
}

// glibc's fields, as far as they mean anything here.
GnuMallinfo2 ReadMallinfo() {
  stats::Totals totals;
  stats::Read(&totals);
  GnuMallinfo2 info = {};
  info.arena = totals.mapped - totals.huge_bytes;
  info.hblks = totals.huge_blocks;
  info.hblkhd = totals.huge_bytes;
  info.fsmblks = totals.cached;
  info.uordblks = totals.live - totals.huge_bytes;
  info.fordblks = info.arena > info.uordblks ? info.arena - info.uordblks : 0;
  info.keepcost = totals.dirty;
  return info;
}

int Clamp(size_t value) {
  return value > INT32_MAX ? INT32_MAX : static_cast<int>(value);
}

}  // namespace

extern "C" {

const char* hak_variant(void) { return kVariant.name; }
const char* hak_version(void) { return HAKMEM_VERSION; }

void hak_stats(struct hak_stats* out) {
  stats::Totals totals;
  stats::Read(&totals);
  // The same numbers in the same order.
  constexpr size_t kNumbers = offsetof(stats::Totals, classes);
  static_assert(kNumbers == offsetof(struct hak_stats, foreign_frees));
  memcpy(out, &totals, kNumbers);
  out->foreign_frees = wrap::Foreign::Count();
  for (unsigned c = 0; c < tiny::kClasses; ++c) {
    const stats::ClassTotals& sum = totals.classes[c];
    out->classes[c] = {tiny::kStride[c], sum.slabs,    sum.used,
                       sum.cached,       sum.refilled, sum.flushed};
  }
}

int hak_stats_write(int fd, int format) {
  if (format != HAK_TEXT && format != HAK_JSON) {
    errno = EINVAL;
    return -1;
  }
  stats::Totals totals;
  stats::Read(&totals);
  if (format == HAK_TEXT) {
    stats::WriteText(totals, wrap::Foreign::Count(), stats::FdSink(&fd));
  } else {
    stats::WriteJson(totals, wrap::Foreign::Count(), stats::FdSink(&fd));
  }
  return 0;
}

size_t hak_trim(int level) { return Trim(level); }
size_t hak_usable_size(const void* p) {
  return wrap::UsableSize(const_cast<void*>(p));
}
void hak_free_sized(void* p, size_t size) { wrap::FreeSized(p, size); }

GnuMallinfo2 HAK_ENTRY(mallinfo2)(void) { return ReadMallinfo(); }

GnuMallinfo HAK_ENTRY(mallinfo)(void) {
  const GnuMallinfo2 info = ReadMallinfo();
  GnuMallinfo result = {};
  result.arena = Clamp(info.arena);
  result.hblks = Clamp(info.hblks);
  result.hblkhd = Clamp(info.hblkhd);
  result.fsmblks = Clamp(info.fsmblks);
  result.uordblks = Clamp(info.uordblks);
  result.fordblks = Clamp(info.fordblks);
  result.keepcost = Clamp(info.keepcost);
  return result;
}

// There is nothing to tune at run time; every option is accepted and ignored,
// so that programs which tune glibc go on.
int HAK_ENTRY(mallopt)(int, int) { return 1; }

int HAK_ENTRY(malloc_trim)(size_t) { return Trim(1) > 0 ? 1 : 0; }

void HAK_ENTRY(malloc_stats)(void) { (void)hak_stats_write(2, HAK_TEXT); }

int HAK_ENTRY(malloc_info)(int options, void* stream) {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  stats::Totals totals;
  stats::Read(&totals);
  stats::WriteXml(totals, {WriteToStream, stream});
  return 0;
}

// The same functions under their plain names; see alloc/base/variant.h.
HAK_PLAIN_GNU(mallinfo2);
HAK_PLAIN_GNU(mallinfo);
HAK_PLAIN_GNU(mallopt);
HAK_PLAIN_GNU(malloc_trim);
HAK_PLAIN_GNU(malloc_stats);
HAK_PLAIN_GNU(malloc_info);

}  // extern "C"
