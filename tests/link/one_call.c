// Calls one function, named on the command line: -DNAME=malloc_trim. It is
// linked and checked, never run.
extern int getpid(void);
extern void NAME(void);

int main(void) {
  if (getpid() != 1) NAME();
  return 0;
}
