// Reaches one function by a pointer only: -DNAME=malloc_trim.
extern void NAME(void);

void (*volatile pointer)(void) = NAME;

int main(void) { return pointer == 0; }
