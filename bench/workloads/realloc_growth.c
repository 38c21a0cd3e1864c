// realloc_growth: `buffers` buffers grow by realloc at the same time, in two
// ways: strings that grow by a few bytes at each step up to `small` bytes, and
// vectors that double up to `large` bytes. At its end a buffer is shrunk to a
// quarter, freed, and begun anew. Contents are looked at under --smoke.
// One operation is one realloc.
//
//   gcc -O2 -static -o realloc_growth realloc_growth.c support.c
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { kBuffers, kOperations, kSmall, kLarge };
static struct BenchOption g_options[] = {
    [kBuffers] = {"buffers", 64, 16, NULL},
    [kOperations] = {"operations", 600000, 20000, NULL},
    [kSmall] = {"small", 8192, 8192, NULL},
    [kLarge] = {"large", 4194304, 524288, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

struct Buffer {
  unsigned char* bytes;
  size_t used;
  bool doubles;
};

static bool g_check;

static long Value(int option) { return g_options[option].value; }

static void Resize(struct Buffer* buffer, size_t size) {
  unsigned char* grown = realloc(buffer->bytes, size);
  if (grown == NULL) BenchFail("realloc returned NULL");
  buffer->bytes = grown;
  // What was not there before is written, as an appender would.
  if (size > buffer->used) {
    memset(grown + buffer->used, (int)(size & 0xff), size - buffer->used);
  }
  if (g_check && buffer->used > 0 && size >= buffer->used && grown[0] != 16) {
    BenchFail("realloc lost the contents");
  }
  buffer->used = size;
}

static void Finish(struct Buffer* buffer) {
  unsigned char last = buffer->bytes[buffer->used / 4 - 1];
  Resize(buffer, buffer->used / 4);
  if (g_check && buffer->bytes[buffer->used - 1] != last) {
    BenchFail("realloc lost the contents when it shrank a buffer");
  }
  free(buffer->bytes);
  buffer->bytes = NULL;
  buffer->used = 0;
}

static void Step(struct Buffer* buffer, struct BenchRandom* random) {
  size_t limit = (size_t)(buffer->doubles ? Value(kLarge) : Value(kSmall));
  if (buffer->used >= limit) {
    Finish(buffer);
  } else if (buffer->used == 0) {
    Resize(buffer, 16);
  } else if (buffer->doubles) {
    Resize(buffer, buffer->used * 2);
  } else {
    Resize(buffer, buffer->used + BenchBetween(random, 8, 64));
  }
}

int main(int argc, char** argv) {
  g_check = BenchParse(argc, argv, g_options, kOptionCount);
  uint32_t count = (uint32_t)Value(kBuffers);
  if (count < 1 || Value(kSmall) < 64 || Value(kLarge) < 64) {
    BenchFail("needs buffers >= 1, small >= 64 and large >= 64");
  }
  struct Buffer* buffers = BenchMapTouched(count * sizeof *buffers);
  // One in eight doubles: those steps copy megabytes, the others bytes.
  for (uint32_t i = 0; i < count; ++i) buffers[i].doubles = i % 8 == 0;
  struct BenchRandom random = BenchSeed(11);
  struct BenchTimer timer;
  BenchStart(&timer);
  for (long i = 0; i < Value(kOperations); ++i) {
    // The vectors have fewer, dearer steps: they get one turn in 64.
    uint32_t pick = BenchBelow(&random, count);
    if (buffers[pick].doubles && BenchBelow(&random, 8) != 0) pick = 1 % count;
    Step(&buffers[pick], &random);
  }
  BenchStop(&timer, (uint64_t)Value(kOperations));
  for (uint32_t i = 0; i < count; ++i) free(buffers[i].bytes);
  BenchReportMemory();
  return 0;
}
