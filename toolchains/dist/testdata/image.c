#include <fcntl.h>
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An image of the heap, beside the program. */
int main(int argc, char** argv) {
  char path[4096];
  if (argc < 1 || malloc(1000) == NULL) return 1;
  snprintf(path, sizeof(path), "%s.dump", argv[0]);
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || hak_dump(fd) != 0 || close(fd) != 0) return 1;
  printf("image\n");
  return 0;
}
