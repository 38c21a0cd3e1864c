// Frees static data, which was never allocated.
#include "tests/misuse/misuse.h"

MISUSE(free_global) {
  static _Alignas(16) char array[4096];
  memset(Escape(array), 0xA1, sizeof array);
  Blame(array + 64);
  free(Escape(array + 64));
}
