// Box:   tests/stress.   Uses: tests/support.h.
// Holds: the shadow model: what a correct heap's blocks must contain, and the
//        calls that change it. One Model belongs to one thread at a time.
// Read next: model.c
#ifndef TESTS_STRESS_MODEL_H_
#define TESTS_STRESS_MODEL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support.h"

enum { kModelBlocks = 1500 };

// A live block and what is in it. The pattern's seed is the block's own, so a
// block that is handed out twice is noticed by whoever looks first.
typedef struct {
  unsigned char* p;
  size_t size;
  uint64_t seed;
} Block;

typedef struct {
  Random random;
  uint64_t operations;
  size_t live_bytes;
  size_t byte_limit;
  Block blocks[kModelBlocks];
} Model;

// One random call. Blocks that are to be freed by somebody else go to `give`,
// which returns one of another thread in exchange, or nothing (p == NULL).
typedef Block (*Exchange)(Block give, Random* random);
void ModelStep(Model* model, Exchange exchange);

// Compares every live block with its pattern.
void ModelCheckAll(const Model* model);

void ModelFreeAll(Model* model);

// Compares one block and frees it.
void BlockCheckAndFree(Block* block, Random* random);

#endif  // TESTS_STRESS_MODEL_H_
