// Writes to a freed block whose length is never asked for again: its memory
// must not go to others unseen.
#include "tests/misuse/misuse.h"

MISUSE(write_after_free_elsewhere) {
  enum { kOthers = 300 };
  static void* others[kOthers];
  char* p = Escape(malloc(size));
  Blame(p);
  free(p);
  ((char*)Escape(p))[size / 2] = 0x41;
  for (int i = 0; i < kOthers; ++i) others[i] = Escape(malloc(size / 2 * 3));
  for (int i = 0; i < kOthers; ++i) free(others[i]);
}
