// Reads a block of 0 bytes: nobody's data may be there.
#include "tests/misuse/misuse.h"

MISUSE(zero_size_read) {
  char* secret = (char*)memset(Escape(malloc(12)), 0x5E, 12);
  free(secret);
  const volatile char* p = (const char*)Escape(malloc(Opaque(0)));
  for (size_t i = 0; i < 12; ++i) {
    if (p[i] == 0x5E) Gained("data of a freed block");
  }
}
