// Reallocates static data.
#include "tests/misuse/misuse.h"

MISUSE(realloc_foreign) {
  static _Alignas(16) char array[4096];
  Blame(array + 64);
  free(Escape(realloc(Escape(array + 64), size)));
}
