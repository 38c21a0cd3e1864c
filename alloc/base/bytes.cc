// Box:   base.   Uses: nothing.   Must not know: what the bytes mean.
// Holds: zeroing long ranges and looking whether they are zero.
// Locks: none.   Read next: alloc/base/bytes.h

#include "alloc/base/bytes.h"

#include <string.h>

namespace hakmem {

void ZeroRange(void* range, size_t bytes) { memset(range, 0, bytes); }

bool IsZeroRange(const void* range, size_t bytes) {
  const char* p = static_cast<const char*>(range);
  const char* const end = p + bytes;
  Bytes16 a = {0, 0};
  Bytes16 b = {0, 0};
  // The CPU reads two at a time; with 64 bytes a turn that is what it waits
  // for.
  for (; end - p >= 64; p += 64) {
    a |= *reinterpret_cast<const Bytes16*>(p);
    b |= *reinterpret_cast<const Bytes16*>(p + 16);
    a |= *reinterpret_cast<const Bytes16*>(p + 32);
    b |= *reinterpret_cast<const Bytes16*>(p + 48);
  }
  for (; p != end; p += 16) a |= *reinterpret_cast<const Bytes16*>(p);
  a |= b;
  return (a[0] | a[1]) == 0;
}

}  // namespace hakmem
