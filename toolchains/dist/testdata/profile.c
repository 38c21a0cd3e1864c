#include <fcntl.h>
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A block that is surely sampled, and a profile that shows it. */
int main(void) {
  static char text[65536];
  int ends[2];
  if (hak_profile_start(1) != 0) return 1;
  if (malloc(12345) == NULL || pipe(ends) != 0) return 1;
  if (hak_profile_write(ends[1]) != 0 || close(ends[1]) != 0) return 1;
  hak_profile_stop();
  size_t length = 0;
  ssize_t n;
  while ((n = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0) {
    length += (size_t)n;
  }
  printf("%s\n", strstr(text, " 12345 [") != NULL ? "profile" : text);
  return 0;
}
