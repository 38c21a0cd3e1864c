// Box:   stats.   Uses: platform.   Must not know: what is sampled.
// Holds: the walk along frame pointers, and the search where there are none.
// Locks: none.   Read next: alloc/stats/profile.cc

#include "alloc/stats/stack_trace.h"

#include <sys/syscall.h>

#include "alloc/base/pointers.h"
#include "platform/cpu.h"

// By the linker: where the program begins, and where its code ends.
extern "C" const char __executable_start[] HAK_HIDDEN;
extern "C" const char etext[] HAK_HIDDEN;

namespace hakmem::stats {
namespace {

constexpr size_t kPage = 4096;          // the smallest there is
constexpr size_t kSearchBytes = kPage;  // of stack
constexpr size_t kMaxFrame = size_t{1} << 20;
constexpr unsigned kEnoughFrames = 3;

bool IsCode(uintptr_t pc) {
  // A call has up to 7 bytes, which are looked at.
  return pc >= AddressOf(__executable_start) + 8 && pc < AddressOf(etext);
}

// Asks the kernel, which says EFAULT where we would be killed: for a signal
// mask with a `how` that there is not. The address is aligned to 8 bytes.
bool IsReadable(uintptr_t address) {
  constexpr long kNoSuchHow = -1;
  constexpr long kFault = -14;
  return platform::Syscall(SYS_rt_sigprocmask, kNoSuchHow,
                           static_cast<long>(address), 0,
                           sizeof(uint64_t)) != kFault;
}

// Words of a stack, from its pages that are there.
class StackReader {
 public:
  explicit StackReader(uintptr_t known) : known_(known / kPage) {}
  bool Read(uintptr_t address, uintptr_t* word) {
    if (address % sizeof(*word) != 0) return false;
    if (address / kPage != known_) {
      if (!IsReadable(address)) return false;
      known_ = address / kPage;
    }
    *word = *At<const uintptr_t>(address);
    return true;
  }

 private:
  uintptr_t known_;
};

unsigned FollowFrames(uintptr_t frame, uintptr_t* out, unsigned most) {
  StackReader stack(frame);
  unsigned count = 0;
  uintptr_t pc;
  uintptr_t next;
  while (count < most && stack.Read(frame + sizeof(pc), &pc) && IsCode(pc) &&
         platform::FollowsCall(pc)) {
    out[count++] = pc;
    if (!stack.Read(frame, &next)) break;
    // The stack grows down: who called lies above.
    if (next <= frame || next - frame > kMaxFrame || next % 16 != 0) break;
    frame = next;
  }
  return count;
}

unsigned Search(uintptr_t from, uintptr_t* out, unsigned most) {
  StackReader stack(from);
  unsigned count = 0;
  uintptr_t pc;
  for (uintptr_t at = from;
       count < most && at < from + kSearchBytes && stack.Read(at, &pc);
       at += sizeof(pc)) {
    if (!IsCode(pc) || !platform::FollowsCall(pc)) continue;
    if (count == 0 || out[count - 1] != pc) out[count++] = pc;
  }
  return count;
}

}  // namespace

unsigned CaptureStack(const void* frame, uintptr_t* out, unsigned most) {
  const uintptr_t start = AddressOf(static_cast<const char*>(frame));
  const unsigned count = FollowFrames(start, out, most);
  if (count >= kEnoughFrames) return count;
  // The return address stands at the frame's second word; then the others.
  if (most == 0 || count == 0) return Search(start, out, most);
  return 1 + Search(start + 2 * sizeof(uintptr_t), out + 1, most - 1);
}

}  // namespace hakmem::stats
