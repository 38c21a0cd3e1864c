// Box:   tests/stress.   Uses: model.h.
// Holds: the random calls. Every function of the malloc family occurs, and
// every
//        block is compared with its pattern before anything happens to it.
// Read next: stress_test.c
#include "tests/stress/model.h"

static void Fill(Block* block) { Paint(block->p, block->size, block->seed); }

static void Compare(const Block* block) {
  const size_t at = PaintBreak(block->p, block->size, block->size, block->seed);
  if (at == block->size) return;
  char note[160];
  snprintf(note, sizeof note, "block %p of %zu bytes differs at byte %zu",
           (void*)block->p, block->size, at);
  CheckFailed(__FILE__, __LINE__, "block holds its pattern", note);
}

// Mostly small, as in programs; now and then a span or a mapping of its own.
static size_t PickSize(Random* r) {
  const size_t kind = RandomBelow(r, 1000);
  if (kind < 700) return 1 + RandomBelow(r, 512);
  if (kind < 900) return RandomSize(r, 13);
  if (kind < 985) return RandomSize(r, 17);
  if (kind < 998) return RandomSize(r, 20);
  return RandomSize(r, 24);
}

static size_t PickAlignment(Random* r) {
  return (size_t)8 << RandomBelow(r, RandomBelow(r, 10) == 0 ? 16 : 7);
}

static void CheckNew(const Block* block, size_t align) {
  CHECK(block->p != NULL);
  CHECK_EQ((uintptr_t)block->p % align, 0);
  CHECK_GE(malloc_usable_size(block->p), block->size);
}

static void Allocate(Block* block, Random* r) {
  const size_t n = PickSize(r);
  size_t align = 16;
  void* p = NULL;
  switch (RandomBelow(r, 10)) {
    case 0:
    case 1:
      p = calloc(1, n);
      CHECK(p != NULL);
      CHECK_EQ(ZeroBreak(p, n), n);
      break;
    case 2:
      p = realloc(Escape(NULL), n);
      break;
    case 3:
      align = PickAlignment(r);
      CHECK_EQ(posix_memalign(&p, align, n), 0);
      break;
    case 4:
      align = PickAlignment(r);
      p = RandomBelow(r, 2) ? memalign(align, n) : aligned_alloc(align, n);
      break;
    case 5:
      p = reallocarray(Escape(NULL), n, 1);
      break;
    default:
      p = malloc(n);
  }
  block->p = (unsigned char*)Escape(p);
  block->size = n;
  block->seed = RandomNext(r);
  CheckNew(block, align < 16 ? 16 : align);
  Fill(block);
}

void BlockCheckAndFree(Block* block, Random* random) {
  if (block->p == NULL) return;
  Compare(block);
  errno = 4711;
  if (free_sized != NULL && RandomBelow(random, 8) == 0) {
    free_sized(block->p, block->size);
  } else {
    free(block->p);
  }
  CHECK_EQ(errno, 4711);
  block->p = NULL;
}

static void Reallocate(Block* block, Random* r) {
  Compare(block);
  // Often a neighbouring size: growth in place, shrinking in place.
  const size_t m = RandomBelow(r, 2)
                       ? PickSize(r)
                       : block->size / 2 + RandomBelow(r, block->size + 64) + 1;
  unsigned char* p = (unsigned char*)Escape(realloc(block->p, m));
  CHECK(p != NULL);
  const size_t kept = block->size < m ? block->size : m;
  CHECK_EQ(PaintBreak(p, block->size, kept, block->seed), kept);
  block->p = p;
  block->size = m;
  block->seed = RandomNext(r);
  CheckNew(block, 16);
  Fill(block);
}

// Uses the slack, which the pattern does not cover.
static void UseSlack(Block* block) {
  const size_t usable = malloc_usable_size(block->p);
  CHECK_GE(usable, block->size);
  memset(block->p + block->size, 0xF7, usable - block->size);
  Compare(block);
}

static void Impossible(Random* r) {
  errno = 0;
  CHECK(Escape(malloc(Opaque(SIZE_MAX - RandomSize(r, 20)))) == NULL);
  CHECK_EQ(errno, ENOMEM);
}

static void Forget(Model* model, Block* block) {
  if (block->p != NULL) model->live_bytes -= block->size;
}

static void Remember(Model* model, Block* block) {
  if (block->p != NULL) model->live_bytes += block->size;
}

void ModelStep(Model* model, Exchange exchange) {
  Random* const r = &model->random;
  Block* const block = &model->blocks[RandomBelow(r, kModelBlocks)];
  ++model->operations;
  Forget(model, block);
  if (block->p == NULL) {
    if (model->live_bytes < model->byte_limit) Allocate(block, r);
  } else {
    const size_t what = RandomBelow(r, 100);
    if (what < 20 && model->live_bytes < model->byte_limit) {
      Reallocate(block, r);
    } else if (what < 40) {
      *block = exchange(*block, r);
    } else if (what < 50) {
      UseSlack(block);
    } else if (what < 51) {
      Impossible(r);
    } else {
      BlockCheckAndFree(block, r);
    }
  }
  Remember(model, block);
}

void ModelCheckAll(const Model* model) {
  for (size_t i = 0; i < kModelBlocks; ++i) {
    if (model->blocks[i].p != NULL) Compare(&model->blocks[i]);
  }
  CheckPassed();
}

void ModelFreeAll(Model* model) {
  for (size_t i = 0; i < kModelBlocks; ++i) {
    BlockCheckAndFree(&model->blocks[i], &model->random);
  }
  model->live_bytes = 0;
}
