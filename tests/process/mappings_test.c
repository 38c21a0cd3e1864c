// Box:   tests/process.   Uses: tests/support.h.
// Holds: the limits that RLIMIT_* does not set: the number of mappings, which
//        is 65,530 for a process, and the memory of a cgroup, where there is no
//        NULL but a kill.
// Read next: memory_test.c
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support.h"

#define MIB ((size_t)1 << 20)

static void InChild(void (*body)(void)) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    alarm(100);
    body();
    _exit(0);
  }
  int status = -1;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
}

static size_t CountMappings(void) {
  static char text[1 << 16];
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  size_t lines = 0;
  ssize_t got;
  while ((got = read(fd, text, sizeof text)) > 0) {
    for (ssize_t i = 0; i < got; ++i) lines += text[i] == '\n';
  }
  close(fd);
  return lines;
}

// ---- 10 GiB of addresses are less than 1,000 mappings.

enum { kBlocks = 4096 };
static void* blocks[kBlocks];

// 10 GiB in blocks of `n`, of which hardly a page is touched; then half of
// them, scattered.
static void TenGibOf(size_t n) {
  const size_t count = (size_t)10 * 1024 * MIB / n;
  CHECK_LE(count, kBlocks);
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(malloc(n));
    if (blocks[i] == NULL) _exit(77);  // the machine does not give so much
  }
  CHECK_LE(CountMappings(), 999);
  for (size_t i = 0; i < count; i += 2) free(blocks[i]);
  CHECK_LE(CountMappings(), 999);
  for (size_t i = 1; i < count; i += 2) free(blocks[i]);
  CHECK_LE(CountMappings(), 999);
}

static void Spans(void) { TenGibOf(31 * MIB); }
static void ShortSpans(void) { TenGibOf(3 * MIB); }
static void Huge(void) { TenGibOf(64 * MIB); }

// Small blocks are touched, so it is a 40th of that.
static void Small(void) {
  static void* small[256 * 1024];
  const size_t before = CountMappings();
  for (size_t i = 0; i < 256 * 1024; ++i) {
    small[i] = Escape(malloc(1000));
    CHECK(small[i] != NULL);
  }
  CHECK_LE(CountMappings(), before + 1000 / 40);
  for (size_t i = 0; i < 256 * 1024; ++i) {
    if (i % 64 != 0) free(small[i]);
  }
  CHECK_LE(CountMappings(), before + 1000 / 40);
}

// ---- A cgroup of 64 MiB.

static char group[200];

static bool WriteFile(const char* name, const char* value) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", group, name);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, value, strlen(value)) > 0;
  close(fd);
  return done;
}

// 32 MiB at a time, of ever other sizes: most of what was freed has to be gone
// before the next is there. (Hardened keeps some in quarantine.)
static void UseGroup(void) {
  static void* many[200000];
  if (!WriteFile("cgroup.procs", "0")) _exit(77);
  for (int round = 0; round < 12; ++round) {
    static const size_t kSizes[] = {400, 5000, 60000, 3000000, 48, 20000000};
    const size_t n = kSizes[round % 6];
    const size_t bytes = (OnHardened() ? 24 : 32) * MIB;
    const size_t count = bytes / n < 200000 ? bytes / n : 200000;
    for (size_t i = 0; i < count; ++i) {
      many[i] = Escape(malloc(n));
      CHECK(many[i] != NULL);
      memset(many[i], round + 1, n);
    }
    for (size_t i = 0; i < count; ++i) free(many[i]);
  }
}

// False: this machine lets nobody make one.
static bool TestGroup(void) {
  static const char* const kRoots[][2] = {
      {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
      {"/sys/fs/cgroup", "memory.max"}};
  for (int i = 0; i < 2; ++i) {
    snprintf(group, sizeof group, "%s/hakmem_test_%d", kRoots[i][0],
             (int)getpid());
    if (mkdir(group, 0755) != 0) continue;
    int status = 77 << 8;
    if (WriteFile(kRoots[i][1], "67108864")) {
      const pid_t pid = fork();
      CHECK(pid >= 0);
      if (pid == 0) {
        alarm(100);
        UseGroup();
        _exit(0);
      }
      if (waitpid(pid, &status, 0) != pid) status = -1;
    }
    rmdir(group);
    if (status == 77 << 8) continue;
    CHECK_EQ(status, 0);
    return true;
  }
  return false;
}

int main(void) {
  CheckHeapUnderTest();
  alarm(250);
  // Hardened has guards, each a mapping more, and bounds their number; under
  // qemu-user the mappings are the emulator's.
  if (!OnHardened() && !OnEmulator()) {
    InChild(Spans);
    InChild(ShortSpans);
    InChild(Huge);
    InChild(Small);
  }
  if (!OnEmulator() && !TestGroup()) {
    CHECK(write(1, "no cgroup can be made here\n", 27) == 27);
  }
  return CheckReport("mappings_test");
}
