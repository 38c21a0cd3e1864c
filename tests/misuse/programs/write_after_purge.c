// Memory that went back to the system is written to, and handed out as zero.
#include "tests/misuse/misuse.h"

MISUSE(write_after_purge) {
  enum { kBytes = 16 << 20 };
  static char* blocks[kBytes / 24];
  const size_t count = kBytes / size;
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = memset(Escape(malloc(size)), 1, size);
  }
  for (size_t i = 0; i < count; ++i) {
    if (i % 512 != 0) free(blocks[i]);
  }
  Blame(blocks[count / 2 + 1]);
  *(char*)Escape(blocks[count / 2 + 1] + size / 2) = 1;
  for (size_t i = 0; i < count; ++i) {
    if (((char*)Escape(calloc(1, size)))[size / 2] != 0) Gained("old data");
  }
}
