// Box:   wrap.   Uses: tiny, large, superslab.   Must not know: nothing is
// above. Holds: what is tried before a program gets no memory.
// Locks: none held across a call of the program's.
// Read next: alloc/wrap/memory.cc

#include "alloc/wrap/relief.h"

#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/small.h"
#include "hakmem.h"

namespace hakmem::wrap {
namespace {

// The program's function is running in this thread.
__thread bool t_asking;

}  // namespace

bool Relieve(size_t bytes, unsigned tries) {
  // A heap that has an end is worth a walk: all that is free in it is found.
  if (tries == 0 &&
      (superslab::WindowIsFixed() || hak_config.heap_limit != 0)) {
    large::FlushThread();
    tiny::TrimAllHeaps();
    superslab::Purge(0, 0);
    return true;
  }
  if (hak_config.on_pressure == nullptr || t_asking) return false;
  t_asking = true;
  const bool again = hak_config.on_pressure(bytes) != 0;
  t_asking = false;
  return again;
}

}  // namespace hakmem::wrap
