// Allocates, but only inside of libc.
#include <stdio.h>
#include <string.h>

int main(void) {
  char* text = strdup("hello");
  puts(text);
  return 0;
}
