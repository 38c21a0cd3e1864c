// Box:   tests/api.   Uses: tests/support.h, hakmem.h.
// Holds: what hakmem offers beyond malloc: gauges that follow the heap, their
//        text and JSON, trimming, sizes. They must not allocate.
// Read next: new_test.cc
#include <pthread.h>

#include "hakmem.h"
#include "tests/api/api_test.h"
#include "tests/support.h"

// On a libc's own heap this group has nothing to test.
#pragma weak hak_free_sized
#pragma weak hak_stats
#pragma weak hak_stats_write
#pragma weak hak_trim
#pragma weak hak_usable_size
#pragma weak hak_version

enum { kCount = 3000, kSlack = 256 * 1024 };

static void CheckSums(const struct hak_stats* s) {
  CHECK_LE(s->live + s->cached, s->committed);
  CHECK_LE(s->committed, s->mapped);
  CHECK_LE(s->mapped, s->peak_mapped);
  CHECK_LE(s->dirty, s->committed);
  for (size_t i = 0; i < HAK_CLASSES; ++i) {
    const struct hak_class_stats* c = &s->classes[i];
    CHECK_LE(c->cached_blocks, c->used_blocks);
    CHECK_LE(c->used_blocks * c->stride, c->slabs * 65536);
    if (i > 0) CHECK_GE(c->stride, s->classes[i - 1].stride + 1);
  }
}

static size_t LiveBytes(const struct hak_stats* s) { return s->live; }

static void GaugesFollow(size_t n) {
  static void* blocks[kCount];
  const size_t count = n > 100000 ? 10 : kCount;
  struct hak_stats before, during, after;
  hak_stats(&before);
  CheckSums(&before);
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = Escape(malloc(n));
    CHECK(blocks[i] != NULL);
  }
  hak_stats(&during);
  CheckSums(&during);
  CHECK_GE(LiveBytes(&during) + kSlack, LiveBytes(&before) + count * n);
  // A class loses a fifth at most, a span less than a page.
  const size_t most = n + n / 4 + (n < 7000 ? 32 : 4096);
  CHECK_LE(LiveBytes(&during), LiveBytes(&before) + count * most + kSlack);
  for (size_t i = 0; i < count; ++i) free(blocks[i]);
  hak_stats(&after);
  CheckSums(&after);
  CHECK_LE(LiveBytes(&after), LiveBytes(&before) + kSlack);
}

// Asking is not using: a gauge that allocates changes what it measures, and
// cannot be asked when memory is out.
static void AskingIsFree(void) {
  struct hak_stats first, last;
  const int null = open("/dev/null", O_WRONLY);
  CHECK(null >= 0);
  hak_stats(&first);
  for (int i = 0; i < 100; ++i) {
    hak_stats(&last);
    CHECK_EQ(hak_stats_write(null, HAK_TEXT), 0);
    CHECK_EQ(hak_stats_write(null, HAK_JSON), 0);
  }
  hak_stats(&last);
  CHECK_EQ(last.live, first.live);
  CHECK_EQ(last.mapped, first.mapped);
  CHECK_EQ(last.cached, first.cached);
  errno = 0;
  CHECK_EQ(hak_stats_write(null, 77), -1);
  CHECK_EQ(errno, EINVAL);
  close(null);
}

// Brackets, quotes, and commas only between values: what a parser needs.
static void CheckJson(const char* text) {
  char open[64];
  size_t depth = 0;
  bool in_string = false;
  char last = '\0';
  for (const char* p = text; *p != '\0'; ++p) {
    if (in_string) {
      in_string = *p != '"';
      continue;
    }
    if (*p == '"') in_string = true;
    if (*p == '{' || *p == '[') {
      CHECK(depth < sizeof open);
      open[depth++] = *p;
    }
    if (*p == '}' || *p == ']') {
      CHECK_NOTE(depth > 0 && last != ',' && last != ':', p);
      --depth;
      CHECK_EQ(open[depth], *p == '}' ? '{' : '[');
    }
    if (*p == ',') {
      CHECK_NOTE(last != ',' && last != '{' && last != '[' && last != ':', p);
    }
    if (*p > ' ') last = *p;
  }
  CHECK(depth == 0 && !in_string);
  CHECK_EQ(text[0], '{');
  CHECK_NOTE(strstr(text, "\"live\"") != NULL, text);
}

static void ReadBack(int format, char* text, size_t size) {
  int fds[2];
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(hak_stats_write(fds[1], format), 0);
  close(fds[1]);
  size_t length = 0;
  ssize_t got;
  while (length + 1 < size &&
         (got = read(fds[0], text + length, size - 1 - length)) > 0) {
    length += (size_t)got;
  }
  text[length] = '\0';
  close(fds[0]);
  CHECK(length > 0 && length + 1 < size);
}

static void Written(void) {
  static char text[60000];  // less than a pipe holds
  ReadBack(HAK_TEXT, text, sizeof text);
  CHECK_NOTE(strstr(text, "live") != NULL, text);
  CHECK_EQ(text[strlen(text) - 1], '\n');
  ReadBack(HAK_JSON, text, sizeof text);
  CheckJson(text);
}

// Another thread's free memory goes back, too, while that thread sleeps.
static pthread_barrier_t barrier;
static void* Leave(void* unused) {
  static void* blocks[20000];
  for (size_t i = 0; i < 20000; ++i) {
    blocks[i] = memset(Escape(malloc(700)), 1, 700);
  }
  for (size_t i = 0; i < 20000; ++i) {
    if (i % 500 != 0) free(blocks[i]);
  }
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < 20000; i += 500) free(blocks[i]);
  return unused;
}

static void Trims(void) {
  struct hak_stats stats;
  pthread_t thread;
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
  CHECK_EQ(pthread_create(&thread, NULL, Leave, NULL), 0);
  pthread_barrier_wait(&barrier);
  hak_trim(0);
  hak_trim(1);
  hak_stats(&stats);
  CheckSums(&stats);
  // Large pages: parts of some are free while the rest is in use.
  CHECK_LE(stats.dirty, ((size_t)512 << 10) + 16 * (PageSize() - 4096));
  pthread_barrier_wait(&barrier);
  CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void Sizes(void) {
  CHECK_EQ(hak_usable_size(Escape(NULL)), 0);
  for (size_t n = 1; n < 1000000; n = n * 2 + 1) {
    void* p = Escape(malloc(n));
    CHECK(p != NULL);
    CHECK_EQ(hak_usable_size(p), malloc_usable_size(p));
    hak_free_sized(p, n);
  }
  hak_free_sized(Escape(NULL), 5);
}

void TestHak(void) {
  if (!OnHakmem()) return;
  CHECK(hak_version()[0] != '\0');
  GaugesFollow(30);
  GaugesFollow(1000);
  GaugesFollow(9000);
  GaugesFollow(300000);
  GaugesFollow((size_t)40 << 20);
  AskingIsFree();
  Written();
  Trims();
  Sizes();
}
