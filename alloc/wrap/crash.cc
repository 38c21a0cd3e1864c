// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: hak_report_crashes, and the handler that it installs. The heap may be
//        damaged and any lock held, also by the thread that was interrupted:
//        the report looks, writes with write(2), and does nothing else.
// Locks: none that is held by anybody.   Read next: alloc/wrap/crash_words.cc

#include "alloc/wrap/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>

#include "alloc/stats/stats.h"
#include "alloc/tiny/registry.h"
#include "alloc/wrap/hakmem.h"
#include "alloc/wrap/same_variant.h"
#include "platform/cpu.h"
#include "platform/registers.h"

namespace hakmem::wrap {
namespace {

using platform::Line;
using platform::Syscall;

constexpr unsigned kSignals = 3;
constexpr int kSignal[kSignals] = {SIGSEGV, SIGBUS, SIGABRT};
constexpr const char* kName[kSignals] = {"SIGSEGV", "SIGBUS", "SIGABRT"};
constexpr unsigned kMostRegisters = 8;

struct State {
  std::atomic<int> fd{-1};
  std::atomic<long> reporter{0};  // the thread that reports; 0: none yet
  struct sigaction before[kSignals] = {};
};
HAK_CONSTINIT State g_state;

// relaxed: set before the handlers were.
int Fd() { return g_state.fd.load(std::memory_order_relaxed); }
long ThisThread() { return Syscall(SYS_gettid); }

Line& Begin(Line& line) { return line.Text("hakmem: crash: "); }

// Sent by somebody, instead of caused by an instruction.
bool WasSent(const siginfo_t& info) { return info.si_code <= 0; }

// The kernel knows no address of an access that no page table describes.
bool HasAddress(const siginfo_t& info) {
  return !WasSent(info) && info.si_code != SI_KERNEL;
}

const char* Cause(int sig, const siginfo_t& info) {
  if (sig == SIGSEGV && info.si_code == SEGV_MAPERR) return "not mapped";
  if (sig == SIGSEGV && info.si_code == SEGV_ACCERR) return "no access";
  if (sig == SIGBUS && info.si_code == BUS_ADRALN) return "misaligned";
  if (sig == SIGBUS && info.si_code == BUS_ADRERR) return "no such page";
  return "address not known";
}

void WriteSignal(int sig, const siginfo_t& info,
                 const platform::Registers& registers) {
  Line line;
  Begin(line);
  for (unsigned i = 0; i < kSignals; ++i) {
    if (kSignal[i] == sig) line.Text(kName[i]);
  }
  if (WasSent(info)) {
    line.Text(" sent by process ").Number(static_cast<uint64_t>(info.si_pid));
  } else {
    if (HasAddress(info)) line.Text(" at ").Pointer(info.si_addr);
    line.Text(" (").Text(Cause(sig, info)).Text(")");
  }
  line.Text(", pc ").Hex(registers.pc).Text(", sp ").Hex(registers.sp);
  line.Text(", thread ").Number(static_cast<uint64_t>(ThisThread()));
  line.WriteTo(Fd());
}

void WriteAddress(const char* name, uintptr_t address, uintptr_t sp) {
  Line line;
  Begin(line);
  if (name != nullptr) line.Text(name).Text(": ");
  DescribeAddress(line, address, sp);
  line.WriteTo(Fd());
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The line that the allocator wrote before it aborted, and the addresses in it.
void WriteLastWords(const char* words, uintptr_t sp) {
  constexpr size_t kMost = sizeof(Line);
  const char* end = words;
  while (*end != '\n' && *end != '\0' && end < words + kMost) ++end;
  Line line;
  Begin(line).Text("last words: ");
  constexpr char kPrefix[] = "hakmem: ";
  constexpr size_t kLength = sizeof(kPrefix) - 1;
  const char* text = words;
  if (strncmp(text, kPrefix, kLength) == 0) text += kLength;
  for (; text < end; ++text) {
    const char one[2] = {*text, '\0'};
    line.Text(one);
  }
  line.WriteTo(Fd());
  for (text = words; text + 2 < end; ++text) {
    if (text[0] != '0' || text[1] != 'x') continue;
    uintptr_t address = 0;
    for (text += 2; text < end && DigitOf(*text) >= 0; ++text) {
      address = address * 16 + static_cast<uintptr_t>(DigitOf(*text));
    }
    WriteAddress(nullptr, address, sp);
  }
}

// Registers that point into the heap: what the program was about to use.
void WriteRegisters(const platform::Registers& registers, uintptr_t known) {
  unsigned written = 0;
  for (unsigned i = 0; i < registers.count && written < kMostRegisters; ++i) {
    const platform::Register& r = registers.general[i];
    bool seen = r.value == known;
    for (unsigned k = 0; k < i; ++k) {
      if (registers.general[k].value == r.value) seen = true;
    }
    if (seen || !IsOfHeap(r.value)) continue;
    WriteAddress(r.name, r.value, registers.sp);
    ++written;
  }
}

void WriteGauges() {
  const stats::Glance glance = stats::ReadGlance();
  // Each heap tells the others of larger changes only.
  size_t live = glance.live;
  const tiny::Heap* heap = tiny::PeekFirstHeap();
  for (; heap != nullptr; heap = heap->next_heap) {
    live += heap->used_bytes - heap->published_used;
  }
  Line line;
  Begin(line).Text("heap: in use ").Number(live);
  line.Text(", free and dirty ").Number(glance.dirty);
  line.Text(", mapped besides Huge blocks ").Number(glance.mapped);
  line.Text(", peak ").Number(glance.peak_mapped);
  line.Text(", purged ").Number(glance.purged);
  line.WriteTo(Fd());
}

void Report(int sig, const siginfo_t& info, const void* context) {
  platform::Registers registers;
  platform::ReadRegisters(context, &registers);
  WriteSignal(sig, info, registers);
  const char* words = platform::LastWords();
  // Who has survived an abort has them still, but no longer their text.
  if (sig == SIGABRT && words != nullptr) {
    WriteLastWords(words, registers.sp);
  }
  if (!WasSent(info)) {
    const uintptr_t address =
        reinterpret_cast<uintptr_t>(HasAddress(info) ? info.si_addr : nullptr);
    if (HasAddress(info)) WriteAddress(nullptr, address, registers.sp);
    WriteRegisters(registers, address);
  }
  WriteGauges();
}

// Somebody else reports, and then the process ends. If not, we go on.
void WaitForTheEnd() {
  constexpr long kTenMs = 10000000;
  const timespec turn = {0, kTenMs};
  for (int i = 0; i < 200; ++i) {
    (void)Syscall(SYS_nanosleep, reinterpret_cast<long>(&turn), 0);
  }
}

// What was there before our handlers takes over: a fault happens once more when
// we return, and what was sent is sent again.
void PassOn(int sig, const siginfo_t& info) {
  for (unsigned i = 0; i < kSignals; ++i) {
    struct sigaction action = g_state.before[i];
    if (action.sa_handler == SIG_IGN) action.sa_handler = SIG_DFL;
    (void)sigaction(kSignal[i], &action, nullptr);
  }
  if (WasSent(info)) {
    (void)Syscall(SYS_tgkill, Syscall(SYS_getpid), ThisThread(), sig);
  }
}

void OnSignal(int sig, siginfo_t* info, void* context) {
  const int saved = errno;
  const long me = ThisThread();
  long reporter = 0;
  // relaxed: the winner is all that is passed on.
  if (g_state.reporter.compare_exchange_strong(reporter, me,
                                               std::memory_order_relaxed)) {
    Report(sig, *info, context);
  } else if (reporter == me) {
    Line line;
    Begin(line).Text("the report met a fault of its own and ends here");
    line.WriteTo(Fd());
  } else {
    WaitForTheEnd();
  }
  PassOn(sig, *info);
  errno = saved;
}

int Install(int fd) {
  if (fcntl(fd, F_GETFD) < 0) return EBADF;
  int none = -1;
  // relaxed: the handlers are installed by this thread, below.
  if (!g_state.fd.compare_exchange_strong(none, fd,
                                          std::memory_order_relaxed)) {
    return EALREADY;
  }
  if (!GiveSignalStacks()) {
    g_state.fd.store(-1, std::memory_order_relaxed);
    return ENOMEM;
  }
  struct sigaction action = {};
  action.sa_sigaction = OnSignal;
  (void)sigemptyset(&action.sa_mask);
  for (unsigned i = 0; i < kSignals; ++i) {
    // A fault within the report must reach the handler again; abort() goes on
    // after it has returned.
    const int again = kSignal[i] == SIGABRT ? 0 : SA_NODEFER;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | again;
    (void)sigaction(kSignal[i], &action, &g_state.before[i]);
  }
  return 0;
}

}  // namespace
}  // namespace hakmem::wrap

extern "C" int hak_report_crashes(int fd) {
  hakmem::wrap::NeedSameVariant();
  const int error = hakmem::wrap::Install(fd);
  if (error == 0) return 0;
  errno = error;
  return -1;
}
