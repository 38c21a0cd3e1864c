// Reads a freed block: the old data must be gone.
#include "tests/misuse/misuse.h"

MISUSE(read_after_free) {
  char* p = (char*)memset(Escape(malloc(size)), 0x5E, size);
  free(p);
  p = (char*)Escape(p);
  for (size_t i = 0; i < size; ++i) {
    if (p[i] == 0x5E) Gained("data of a freed block");
  }
}
