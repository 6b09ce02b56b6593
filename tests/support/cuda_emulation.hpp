// CUDA's thread model on the CPU, so that kernel headers run in every test: one fiber a CUDA thread, blocks one after
// another, __syncthreads the only way threads wait. Checks what a GPU would let pass: barriers reached from different
// lines or not by all, writes beyond shared memory. A failed check ends the process with status 97 and a line
// "emulation: ...". Sanitizers work through it: AddressSanitizer sees shared memory as a heap block of its exact size,
// ThreadSanitizer sees each CUDA thread as a fiber ordered by barriers only. It says nothing about speed, weak memory
// or drivers.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define EMULATION_UNSEEN __attribute__((no_sanitize_thread))  // the emulator's own state is no business of TSan
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#else
#define EMULATION_UNSEEN
inline void __tsan_acquire(void* /*address*/) {}
inline void __tsan_release(void* /*address*/) {}
#endif
#if defined(__SANITIZE_ADDRESS__)
extern "C" {
void __asan_unpoison_memory_region(const volatile void* address, std::size_t size);
void __sanitizer_start_switch_fiber(void** fake, const void* bottom, std::size_t size);
void __sanitizer_finish_switch_fiber(void* fake, const void** bottom, std::size_t* size);
}
#endif

namespace fasweep::emulation {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// 0: threads and blocks in their natural order; else blocks, and the threads a barrier releases, in a pseudo-random
/// one. No result may depend on it.
inline std::uint64_t& order_seed() {
  static std::uint64_t seed = 0;
  return seed;
}

constexpr std::size_t stack_bytes = std::size_t{64} * 1024;
constexpr unsigned max_threads = 256;
constexpr unsigned char unset_byte = 0xFF;  // floats made of it are NaN: shared memory read before written shows
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t guard_bytes = 0;  // AddressSanitizer has its own
#else
constexpr std::size_t guard_bytes = 4096;
#endif

struct Fiber {  // one CUDA thread, or the host
  void* stack_pointer = nullptr;
  unsigned thread = 0;
  bool done = false;
  void* tsan = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
};

/// What one OS thread is emulating. Lives in its own pages, out of ThreadSanitizer's sight.
struct Machine {
  Fiber host;
  Fiber fibers[max_threads];
  Fiber* ready[max_threads];  // a stack-free queue: [next_ready, ready_count)
  Fiber* waiting[max_threads];
  unsigned next_ready = 0, ready_count = 0, waiting_count = 0, threads = 0, live = 0;
  int barrier_line = 0;
  unsigned barrier_number = 0;
  char barrier_tag[2];  // alternate: else a fast thread's next arrival would hide a race
  char exit_tag;
  Fiber* current = nullptr;
  Dim3 grid, block, block_index;
  unsigned char* shared = nullptr;
  char* stacks = nullptr;
  std::uint64_t random = 0;
  void (*call)(void*) = nullptr;
  void* argument = nullptr;
};

EMULATION_UNSEEN inline void* map_pages(std::size_t size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) {
    std::perror("emulation: mmap");
    std::_Exit(97);
  }
  return pages;
}

EMULATION_UNSEEN inline Machine& machine() {
  static thread_local Machine* mine = nullptr;
  if (mine == nullptr) {
    mine = new (map_pages(sizeof(Machine))) Machine;
    mine->stacks = static_cast<char*>(map_pages(stack_bytes * max_threads));
  }
  return *mine;
}

[[noreturn]] inline void fail(const char* what, int line = 0) {
  const Machine& m = machine();
  std::fprintf(stderr, "emulation: %s (block %u,%u thread %u line %d)\n", what, m.block_index.x, m.block_index.y,
               m.current != nullptr ? m.current->thread : 0, line);
  std::fflush(stderr);
  std::_Exit(97);
}

// ---- switching fibers
EMULATION_UNSEEN inline void enter();

#if defined(__x86_64__)
__attribute__((naked, noinline)) inline void switch_stack(void** /*save*/, void* /*load*/) {
  __asm__ volatile(
      "pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n movq %rsp,(%rdi)\n"
      "movq %rsi,%rsp\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");
}
EMULATION_UNSEEN inline void prepare(Fiber& fiber, char* stack) {
  void** top = reinterpret_cast<void**>(stack + stack_bytes - 72);  // rsp = 16k + 8 on entry, as after a call
  *top = nullptr;
  *--top = reinterpret_cast<void*>(&enter);
  for (int saved = 0; saved < 6; ++saved) {
    *--top = nullptr;
  }
  fiber.stack_pointer = top;
}
#else
EMULATION_UNSEEN inline void prepare(Fiber& fiber, char* stack) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack;
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, enter, 0);
}
#endif

EMULATION_UNSEEN inline void switch_to(Fiber* to) {
  Machine& m = machine();
  Fiber* from = m.current;
  m.current = to;
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to->tsan, 1 /* no ordering implied */);
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(from->done ? nullptr : &fake, to->stack_bottom, to->stack_size);
#endif
#if defined(__x86_64__)
  switch_stack(&from->stack_pointer, to->stack_pointer);
#else
  swapcontext(&from->context, &to->context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake, &bottom, &size);
#endif
}

// ---- scheduling inside a block
EMULATION_UNSEEN inline std::uint64_t next_random(std::uint64_t& state) {
  state ^= state << 13U;
  state ^= state >> 7U;
  state ^= state << 17U;
  return state;
}

template <class Item>
EMULATION_UNSEEN inline void shuffle(Item* items, unsigned count, std::uint64_t& random) {
  if (order_seed() == 0) {
    return;
  }
  for (unsigned i = count; i > 1; --i) {
    const auto j = static_cast<unsigned>(next_random(random) % i);
    const Item kept = items[i - 1];
    items[i - 1] = items[j];
    items[j] = kept;
  }
}

/// Everyone waiting may run again.
EMULATION_UNSEEN inline void release_waiting(Machine& m) {
  shuffle(m.waiting, m.waiting_count, m.random);
  for (unsigned i = 0; i < m.waiting_count; ++i) {
    m.ready[i] = m.waiting[i];
  }
  m.next_ready = 0;
  m.ready_count = m.waiting_count;
  m.waiting_count = 0;
}

/// Lets the next ready thread run, or the host if there is none.
EMULATION_UNSEEN inline void yield(Machine& m) {
  Fiber* next = m.next_ready < m.ready_count ? m.ready[m.next_ready++] : &m.host;
  if (next != m.current) {
    switch_to(next);
  }
}

EMULATION_UNSEEN __attribute__((noinline)) inline void barrier(int line) {
  Machine& m = machine();
  char* tag = &m.barrier_tag[m.barrier_number & 1U];
  __tsan_release(tag);
  if (m.live != m.threads) {
    fail("barrier after a thread of the block has ended", line);
  }
  if (m.waiting_count == 0) {
    m.barrier_line = line;
  } else if (m.barrier_line != line) {
    fail("threads of a block at different barriers", line);
  }
  m.waiting[m.waiting_count++] = m.current;
  if (m.waiting_count == m.threads) {
    ++m.barrier_number;
    release_waiting(m);
  }
  yield(m);
  __tsan_acquire(tag);
}

EMULATION_UNSEEN inline void enter() {
  Machine& m = machine();
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  if (m.host.stack_bottom == nullptr) {  // the first fiber is entered from the host, whose stack this is
    m.host.stack_bottom = bottom;
    m.host.stack_size = size;
  }
#endif
  m.call(m.argument);
  __tsan_release(&m.exit_tag);
  m.current->done = true;
  --m.live;
  yield(m);
  fail("an ended thread was resumed");
}

EMULATION_UNSEEN inline void start_fibers(Machine& m) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(m.stacks, stack_bytes * m.threads);  // ended fibers never unwind
#endif
#if defined(__SANITIZE_THREAD__)
  munmap(m.stacks, stack_bytes * max_threads);  // else the last block's use of the stacks would look like a race
  m.stacks = static_cast<char*>(map_pages(stack_bytes * max_threads));
#endif
  for (unsigned i = 0; i < m.threads; ++i) {
    Fiber& fiber = m.fibers[i];
    fiber.thread = i;
    fiber.done = false;
    fiber.stack_bottom = m.stacks + stack_bytes * i;
    fiber.stack_size = stack_bytes;
#if defined(__SANITIZE_THREAD__)
    fiber.tsan = __tsan_create_fiber(0);
#endif
    prepare(fiber, m.stacks + stack_bytes * i);
    m.waiting[m.waiting_count++] = &fiber;
  }
}

/// Shared memory of one block, unset, guarded at its end.
EMULATION_UNSEEN inline unsigned char* make_shared_memory(std::size_t size) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 16, size + guard_bytes) != 0) {
    fail("no memory");
  }
  std::memset(memory, unset_byte, size + guard_bytes);
  return static_cast<unsigned char*>(memory);
}

EMULATION_UNSEEN inline void run_block(Machine& m, std::size_t shared_bytes) {
  m.live = m.threads;
  start_fibers(m);
  release_waiting(m);
  yield(m);  // comes back when no thread can run
  if (m.live != 0) {
    fail("deadlock: some threads wait at a barrier, the others have ended", m.barrier_line);
  }
#if defined(__SANITIZE_THREAD__)
  for (unsigned i = 0; i < m.threads; ++i) {
    __tsan_destroy_fiber(m.fibers[i].tsan);
  }
#endif
  for (unsigned i = 0; i < m.threads; ++i) {
    if (*reinterpret_cast<const std::uint64_t*>(m.stacks + stack_bytes * i) != 0) {
      fail("a thread overran its stack");
    }
  }
  for (std::size_t i = 0; i < guard_bytes; ++i) {
    if (m.shared[shared_bytes + i] != unset_byte) {
      fail("a write beyond shared memory");
    }
  }
}

EMULATION_UNSEEN inline void run_grid(Dim3 grid, Dim3 block, std::size_t shared_bytes, void (*call)(void*),
                                      void* argument) {
  Machine& m = machine();
  m.grid = grid;
  m.block = block;
  m.threads = block.x;
  if (m.threads > max_threads || m.threads % 32 != 0) {
    fail("blocks must have a multiple of 32 threads, at most 256");
  }
  m.call = call;
  m.argument = argument;
  m.random = order_seed() * 0x9E3779B97F4A7C15ULL + 1;
  m.current = &m.host;
#if defined(__SANITIZE_THREAD__)
  m.host.tsan = __tsan_get_current_fiber();
#endif
  const unsigned blocks = grid.x * grid.y;
  auto* order = static_cast<unsigned*>(map_pages(blocks * sizeof(unsigned)));
  auto* shared = static_cast<unsigned char**>(map_pages(blocks * sizeof(unsigned char*)));
  for (unsigned i = 0; i < blocks; ++i) {
    order[i] = i;
  }
  shuffle(order, blocks, m.random);
  for (unsigned i = 0; i < blocks; ++i) {
    m.block_index = {order[i] % grid.x, order[i] / grid.x, 0};
    m.shared = shared[i] = make_shared_memory(shared_bytes);
    run_block(m, shared_bytes);
  }
  __tsan_acquire(&m.exit_tag);  // only here: blocks of one launch are not ordered among themselves
  for (unsigned i = 0; i < blocks; ++i) {
    std::free(shared[i]);
  }
  munmap(order, blocks * sizeof(unsigned));
  munmap(shared, blocks * sizeof(unsigned char*));
}

/// Called before every launch, if set.
inline void (*&launch_hook())() {
  static void (*hook)() = nullptr;
  return hook;
}

/// Where launches of this thread go instead of running, if set: a graph in the making.
inline std::vector<std::function<void()>>*& caught_launches() {
  static thread_local std::vector<std::function<void()>>* caught = nullptr;
  return caught;
}

/// Runs kernel(given...) as CUDA would: every thread of every block.
template <class... Parameters, class... Given>
inline void launch(void (*kernel)(Parameters...), Dim3 grid, Dim3 block, std::size_t shared_bytes, Given... given) {
  auto run = [=] {
    if (launch_hook() != nullptr) {
      launch_hook()();
    }
    auto body = [=] { kernel(Parameters(given)...); };
    run_grid(
        grid, block, shared_bytes, [](void* argument) { (*static_cast<decltype(body)*>(argument))(); }, &body);
  };
  if (caught_launches() != nullptr) {
    caught_launches()->push_back(run);
  } else {
    run();
  }
}

EMULATION_UNSEEN inline Dim3 thread_index() {
  return {machine().current->thread, 0, 0};
}

}  // namespace fasweep::emulation

// The part of the CUDA language that kernels here use.
#define __global__
#define __device__
#define __launch_bounds__(...)
#define threadIdx (fasweep::emulation::thread_index())
#define blockIdx (fasweep::emulation::machine().block_index)
#define gridDim (fasweep::emulation::machine().grid)
#define __syncthreads() fasweep::emulation::barrier(__LINE__)
