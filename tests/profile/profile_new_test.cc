// The heap profile along frame records: operator new hides nobody who calls it.

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "alloc/wrap/hakmem.h"
#include "tests/support.h"

namespace {

enum { kInterval = 4096, kBlocks = 4000, kBytes = 960 };
// Frames of hakmem's own at the most, in front of the one that is asked for.
constexpr int kOwnFrames = 3;
constexpr uintptr_t kCodeBytes = 400;  // no place is longer

char g_text[1 << 20];

// Keeps the call from being a jump, and the loop from being unrolled.
void Barrier() { __asm__ volatile("" ::: "memory"); }

#define PLACE __attribute__((noinline, noclone)) void
PLACE Plain() {
  for (int i = 0; i < kBlocks; ++i) {
    CHECK(Escape(::operator new(kBytes)) != nullptr);
    Barrier();
  }
}
PLACE NoThrow() {
  for (int i = 0; i < kBlocks; ++i) {
    CHECK(Escape(::operator new[](kBytes, std::nothrow)) != nullptr);
    Barrier();
  }
}
PLACE Aligned() {
  for (int i = 0; i < kBlocks; ++i) {
    CHECK(Escape(::operator new (kBytes, std::align_val_t{64})) != nullptr);
    Barrier();
  }
}

// Samples whose stack has a frame of `place` behind hakmem's own.
int SamplesOf(void (*place)()) {
  const uintptr_t start = reinterpret_cast<uintptr_t>(place);
  int samples = 0;
  for (const char* line = strchr(g_text, '\n'); line != nullptr;
       line = strchr(line + 1, '\n')) {
    int live = 0;
    int at = 0;
    if (sscanf(line, " %d: %*d [ %*d: %*d] @%n", &live, &at) != 1 || at == 0) {
      break;
    }
    const char* frames = line + at;
    for (int depth = 0; *frames == ' ' && depth <= kOwnFrames; ++depth) {
      char* end;
      const uintptr_t pc = strtoul(frames, &end, 16);
      frames = end;
      if (pc - start >= kCodeBytes) continue;
      samples += live;
      break;
    }
  }
  return samples;
}

}  // namespace

int main() {
  CheckHeapUnderTest();
  CHECK_EQ(hak_profile_start(kInterval), 0);
  Plain();
  NoThrow();
  Aligned();
  hak_profile_stop();
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  CHECK(fd >= 0);
  CHECK_EQ(hak_profile_write(fd), 0);
  const ssize_t n = pread(fd, g_text, sizeof g_text - 1, 0);
  CHECK(n > 0);
  // One sample every kInterval bytes: half of them would be no accident.
  const int enough = kBlocks * kBytes / kInterval / 2;
  CHECK(SamplesOf(Plain) > enough);
  CHECK(SamplesOf(NoThrow) > enough);
  CHECK(SamplesOf(Aligned) > enough);
  return CheckReport("profile_new_test");
}
