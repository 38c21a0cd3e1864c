// Box:   tests/api.   Uses: tests/support.h.
// Holds: the groups of the conformance test; each lives in the file it names.
// Read next: main.c
#ifndef TESTS_API_API_TEST_H_
#define TESTS_API_API_TEST_H_

void TestAlignment(void);      // alignment.c
void TestImpossible(void);     // impossible.c
void TestAlignedFamily(void);  // aligned_family.c
void TestRealloc(void);        // realloc.c
void TestUsableSize(void);     // usable_size.c
void TestErrno(void);          // usable_size.c
void TestCalloc(void);         // calloc.c
void TestSizedFree(void);      // sized_free.c
void TestHeaderByte(void);     // header_byte.c
void TestGnu(void);            // gnu.c
void TestOrder(void);          // order.c
void TestQuarantine(void);     // quarantine.c
void TestHak(void);            // hak.c

#endif  // TESTS_API_API_TEST_H_
