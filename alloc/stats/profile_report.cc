// Box:   stats.   Uses: platform.   Must not know: wrap.
// Holds: the profile for pprof, and as a table.
// Locks: none.   Read next: alloc/wrap/profile.cc

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "alloc/stats/profile.h"
#include "platform/cpu.h"
#include "platform/die.h"

namespace hakmem::stats {
namespace {

// A buffer in front of the descriptor. The first error stays.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  Output& Text(const char* text) {
    for (; *text != '\0'; ++text) Put(*text);
    return *this;
  }
  Output& Bytes(const char* from, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) Put(from[i]);
    return *this;
  }
  Output& Number(uint64_t value, unsigned width = 1) {
    char digits[20];
    unsigned count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    for (unsigned i = count; i < width; ++i) Put(' ');
    while (count > 0) Put(digits[--count]);
    return *this;
  }
  Output& Hex(uint64_t value) {
    Text("0x");
    int shift = 60;
    while (shift > 0 && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) {
      Put("0123456789abcdef"[(value >> shift) & 15]);
    }
    return *this;
  }
  int End() {
    Flush();
    return error_;
  }

 private:
  void Put(char c) {
    if (size_ == sizeof(buffer_)) Flush();
    buffer_[size_++] = c;
  }
  void Flush() {
    if (error_ == 0) {
      const long done = platform::WriteAll(fd_, buffer_, size_);
      if (done <= 0) error_ = done == 0 ? EIO : static_cast<int>(-done);
    }
    size_ = 0;
  }

  int fd_;
  int error_ = 0;
  size_t size_ = 0;
  char buffer_[2048];
};

// acquire: pairs with the release in SiteOf: the frames are there.
unsigned DepthOf(const Site& site) {
  const uint32_t depth = site.depth.load(std::memory_order_acquire);
  return depth < kMaxFrames ? depth : kMaxFrames;
}
// relaxed, both: counters.
uint64_t TakenOf(const Site& site) {
  return site.taken.load(std::memory_order_relaxed);
}
uint64_t TakenBytesOf(const Site& site) {
  return site.taken_bytes.load(std::memory_order_relaxed);
}

struct Sums {
  uint64_t live = 0;
  uint64_t live_bytes = 0;
  uint64_t taken = 0;
  uint64_t taken_bytes = 0;
};
Sums AddUp() {
  Sums sums;
  for (const Site& site : g_sites) {
    sums.live += site.live;
    sums.live_bytes += site.live_bytes;
    sums.taken += TakenOf(site);
    sums.taken_bytes += TakenBytesOf(site);
  }
  return sums;
}

void PutCounts(Output& out, const Sums& sums) {
  out.Number(sums.live, 6).Text(": ").Number(sums.live_bytes, 8);
  out.Text(" [").Number(sums.taken, 6).Text(": ").Number(sums.taken_bytes, 8);
  out.Text("] @");
}

// Where the program lies in memory, for the reader of the addresses.
void PutMappings(Output& out) {
  out.Text("\nMAPPED_LIBRARIES:\n");
  const long fd = platform::Syscall(SYS_openat, AT_FDCWD,
                                    reinterpret_cast<long>("/proc/self/maps"),
                                    O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;  // of a program without PIE nobody needs them
  char buffer[1024] = {};
  for (;;) {
    const long n = platform::Syscall(
        SYS_read, fd, reinterpret_cast<long>(buffer), sizeof(buffer));
    if (n == -EINTR) continue;
    if (n <= 0) break;
    out.Bytes(buffer, static_cast<size_t>(n));
  }
  (void)platform::Syscall(SYS_close, fd);
}

uint64_t Scaled(uint64_t value, double scale) {
  return static_cast<uint64_t>(static_cast<double>(value) * scale);
}

// What a site holds, all in all, as far as samples can tell.
uint64_t LiveEstimate(const Site& site, size_t interval) {
  return Scaled(site.live_bytes, ScaleOf(site.live, site.live_bytes, interval));
}

void PutSite(Output& out, const Site& site, size_t interval) {
  constexpr unsigned kShown = 8;
  const double live = ScaleOf(site.live, site.live_bytes, interval);
  const double taken = ScaleOf(TakenOf(site), TakenBytesOf(site), interval);
  out.Number(Scaled(site.live_bytes, live), 14);
  out.Number(Scaled(site.live, live), 12);
  out.Number(Scaled(TakenBytesOf(site), taken), 18);
  out.Number(Scaled(TakenOf(site), taken), 14).Text(" ");
  const unsigned depth = DepthOf(site);
  for (unsigned i = 0; i < depth && i < kShown; ++i) {
    out.Text(" ").Hex(site.frames[i]);
  }
  if (depth == 0) out.Text(" (more places than the table has)");
  out.Text("\n");
}

}  // namespace

int WriteProfile(int fd) {
  ProfileTotals totals;
  if (!BeginCount(&totals)) return EBUSY;
  Output out(fd);
  out.Text("heap profile: ");
  PutCounts(out, AddUp());
  out.Text(" heap_v2/").Number(totals.interval).Text("\n");
  for (const Site& site : g_sites) {
    const Sums sums = {site.live, site.live_bytes, TakenOf(site),
                       TakenBytesOf(site)};
    if (sums.taken == 0) continue;
    PutCounts(out, sums);
    const unsigned depth = DepthOf(site);
    for (unsigned i = 0; i < depth; ++i) out.Text(" ").Hex(site.frames[i]);
    if (depth == 0) out.Text(" 0x1");
    out.Text("\n");
  }
  PutMappings(out);
  EndCount();
  return out.End();
}

int WriteTopSites(int fd) {
  constexpr unsigned kTop = 30;
  ProfileTotals totals;
  if (!BeginCount(&totals)) return EBUSY;
  const Sums sums = AddUp();
  Output out(fd);
  out.Text("hakmem profile: ").Number(sums.live).Text(" of ");
  out.Number(sums.taken).Text(" samples are live, one in ");
  out.Number(totals.interval).Text(" bytes, ").Number(totals.lost);
  out.Text(" lost\n    live_bytes live_blocks   allocated_bytes  allocated");
  out.Text("    called from (addr2line -pfe PROGRAM ...)\n");
  bool shown[kSites] = {};
  for (unsigned n = 0; n < kTop; ++n) {
    unsigned best = kSites;
    for (unsigned i = 0; i < kSites; ++i) {
      if (shown[i] || TakenOf(g_sites[i]) == 0) continue;
      if (best == kSites || LiveEstimate(g_sites[i], totals.interval) >
                                LiveEstimate(g_sites[best], totals.interval)) {
        best = i;
      }
    }
    if (best == kSites) break;
    shown[best] = true;
    PutSite(out, g_sites[best], totals.interval);
  }
  EndCount();
  return out.End();
}

}  // namespace hakmem::stats
