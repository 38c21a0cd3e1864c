// Box:   tests/api.   Uses: tests/support.h, glibc's malloc.h.
// Holds: the GNU diagnostics. One unwrapped call would link libc's whole heap
//        and print its empty numbers; these must be the real heap's.
// Read next: order.c
#include "tests/api/api_test.h"
#include "tests/support.h"

#if !defined(__GLIBC__)

// musl has none of these calls.
void TestGnu(void) {}

#else

enum { kCount = 2000, kSlack = 256 * 1024 };

static void NumbersMove(size_t n) {
  static void* blocks[kCount];
  const size_t count = n > 100000 ? 20 : kCount;
  const struct mallinfo2 before = mallinfo2();
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
  }
  const struct mallinfo2 during = mallinfo2();
  const size_t live_before = before.uordblks + before.hblkhd;
  const size_t live_during = during.uordblks + during.hblkhd;
  // Counters are exact at the granularity of a refill.
  CHECK_GE(live_during + kSlack, live_before + count * n);
  CHECK_LE(live_during, live_before + count * (n + n / 2 + 64) + kSlack);
  CHECK_GE(during.arena + during.hblkhd + kSlack, live_before + count * n);
  // What is in use or free in the heap is a part of the heap.
  CHECK_LE(during.uordblks + during.fordblks, during.arena + during.hblkhd);
  for (size_t i = 0; i < count; ++i) free(blocks[i]);
  const struct mallinfo2 after = mallinfo2();
  CHECK_LE(after.uordblks + after.hblkhd, live_before + kSlack);
}

// The old call has int fields; it must not be left to libc either.
static void OldMallinfo(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  void* p = Escape(malloc(3000000));
  CHECK(p != NULL);
  const struct mallinfo info = mallinfo();
  CHECK_GE(info.uordblks + info.hblkhd, 3000000);
  free(p);
#pragma GCC diagnostic pop
}

// What `print` writes to fds 1 and 2, through pipes: a test runner may give
// both the same file.
static void Capture(void (*print)(void), char* out, char* err, size_t size) {
  int pipes[2][2];
  int saved[2];
  char* const texts[2] = {out, err};
  fflush(stdout);
  fflush(stderr);
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(pipe(pipes[i]), 0);
    saved[i] = dup(i + 1);
    CHECK(saved[i] >= 0);
    CHECK(dup2(pipes[i][1], i + 1) >= 0);
    close(pipes[i][1]);
  }
  print();
  fflush(stdout);
  fflush(stderr);
  for (int i = 0; i < 2; ++i) {
    CHECK(dup2(saved[i], i + 1) >= 0);
    close(saved[i]);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < size && (got = read(pipes[i][0], texts[i] + length,
                                            size - 1 - length)) > 0) {
      length += (size_t)got;
    }
    texts[i][length] = '\0';
    close(pipes[i][0]);
  }
}

static void PrintStats(void) { malloc_stats(); }

static void StatsGoToStderr(void) {
  static char out[16384];
  static char err[16384];
  Capture(PrintStats, out, err, sizeof out);
  CHECK_NOTE(out[0] == '\0', out);
  CHECK_NE(strlen(err), 0);
  CHECK_EQ(err[strlen(err) - 1], '\n');
}

// Checks that tags nest and close, which is what a reader of the XML needs.
static void CheckXml(const char* text) {
  char open[32][32];
  size_t depth = 0;
  size_t elements = 0;
  for (const char* p = strchr(text, '<'); p != NULL; p = strchr(p, '<')) {
    const char* const end = strchr(p, '>');
    CHECK_NOTE(end != NULL, text);
    const bool closing = p[1] == '/';
    const size_t length = strcspn(p + 1 + closing, " \t\n/>");
    CHECK(length > 0 && length < sizeof open[0]);
    if (closing) {
      CHECK_NOTE(depth > 0, p);
      --depth;
      CHECK_NOTE(strncmp(open[depth], p + 2, length) == 0, p);
    } else if (end[-1] != '/' && p[1] != '?') {
      CHECK(depth < 32);
      memcpy(open[depth], p + 1, length);
      open[depth++][length] = '\0';
    }
    ++elements;
    p = end;
  }
  CHECK_EQ(depth, 0);
  CHECK_GE(elements, 3);
  CHECK_NOTE(strncmp(text, "<malloc", 7) == 0, text);
}

// A memory stream: the writer reallocates while malloc_info is at work, which
// deadlocks a heap that prints with its locks held.
static void InfoIsXml(void) {
  char* text = NULL;
  size_t length = 0;
  FILE* stream = open_memstream(&text, &length);
  CHECK(stream != NULL);
  CHECK_EQ(malloc_info(0, stream), 0);
  CHECK_EQ(fclose(stream), 0);
  CHECK(length > 0);
  CheckXml(text);
  free(text);
  errno = 0;
  CHECK_NE(malloc_info(1, stdout), 0);
}

static void TrimGivesBack(void) {
  static void* blocks[4096];
  for (size_t i = 0; i < 4096; ++i) {
    blocks[i] = Escape(malloc(8000));
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, 8000);
  }
  const size_t full = ResidentBytes();
  // A survivor every 512 KiB keeps whole slabs from going by themselves.
  for (size_t i = 0; i < 4096; ++i) {
    if (i % 64 != 0) free(blocks[i]);
  }
  const int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  CHECK_LE(ResidentBytes(), full - ((size_t)16 << 20));
  for (size_t i = 0; i < 4096; i += 64) free(blocks[i]);
}

static void Options(void) {
  const int known = mallopt(M_TRIM_THRESHOLD, 128 * 1024);
  CHECK(known == 0 || known == 1);
  CHECK_LE((unsigned)mallopt(-12345, 1), 1);
  CHECK_LE((unsigned)mallopt(M_MMAP_THRESHOLD, 256 * 1024), 1);
  void* p = Escape(malloc(100));
  CHECK(p != NULL);
  free(p);
}

void TestGnu(void) {
  NumbersMove(40);
  NumbersMove(1000);
  NumbersMove(9000);
  NumbersMove(300000);
  OldMallinfo();
  StatsGoToStderr();
  InfoIsXml();
  TrimGivesBack();
  Options();
}

#endif
