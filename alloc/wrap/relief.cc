// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: what is tried before a program gets no memory.
// Locks: none held across a call of the program's.
// Read next: alloc/wrap/memory.cc

#include "alloc/wrap/relief.h"

#include "alloc/base/variant.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/small.h"
#include "hakmem.h"

namespace hakmem::wrap {
namespace {

// The program's function is running in this thread.
__thread bool t_asking;

}  // namespace

bool Relieve(size_t bytes, unsigned tries) {
  const superslab::FixedSource* fixed = superslab::Fixed();
  if (fixed != nullptr && tries == 0) {
    fixed->collect();
    return true;
  }
  if (!kVariant.armour && tries == 0) {
    // Slabs that nothing but the caches needs become spans. Not in hardened,
    // where they do not, and a size that cannot be would empty the quarantine.
    tiny::FlushThread(false);
    return true;
  }
  if (hak_config.on_pressure == nullptr || t_asking) return false;
  t_asking = true;
  const bool again = hak_config.on_pressure(bytes) != 0;
  t_asking = false;
  return again;
}

}  // namespace hakmem::wrap
