// Box:   base.   Uses: platform.   Must not know: what is kept secret with it.
// Holds: where the secret comes from.
// Locks: none.   Read next: alloc/tiny/armour.h

#include "alloc/base/secret.h"

#include "alloc/base/pointers.h"
#include "platform/cpu.h"
#include "platform/page_source.h"

namespace hakmem {

HAK_CONSTINIT uint64_t g_secret = 0;

namespace {

constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t DrawSecret() {
  // relaxed: one value for ever once it is not 0.
  uint64_t secret = __atomic_load_n(&g_secret, __ATOMIC_RELAXED);
  if (secret != 0) return secret;
  uint64_t fresh[2];
  platform::ReadStartRandom(fresh);
  // The addresses, for a kernel or an emulator that gives no bytes.
  const uintptr_t here =
      AddressOf(static_cast<char*>(__builtin_frame_address(0)));
  const uint64_t drawn = Mix(fresh[0] ^ Mix(fresh[1] ^ Mix(here))) | 1;
  // relaxed: the first thread's stays; a block is passed on by whoever has
  // seen it.
  (void)__atomic_compare_exchange_n(&g_secret, &secret, drawn, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return secret != 0 ? secret : drawn;
}

}  // namespace hakmem
