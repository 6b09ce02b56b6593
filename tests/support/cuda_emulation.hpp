// CUDA's thread model on the CPU, so that kernel headers run in every test: one fiber a CUDA thread, clusters of blocks
// one after another; threads wait for each other at barriers of warps, blocks and clusters, at shuffles and at products
// of warps. Checks what a GPU would let pass: barriers reached from different lines or not by all, writes beyond shared
// memory. A failed check ends the process with status 97 and a line
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
constexpr unsigned max_block_threads = 512;
constexpr unsigned max_cluster_blocks = 16;
constexpr unsigned max_threads = 2048;  // of a cluster
constexpr unsigned warp_lanes = 32;
constexpr unsigned char unset_byte = 0xFF;  // floats made of it are NaN: shared memory read before written shows
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t guard_bytes = 0;  // AddressSanitizer has its own
#else
constexpr std::size_t guard_bytes = 4096;
#endif

struct Fiber {  // one CUDA thread, or the host
  void* stack_pointer = nullptr;
  Fiber* next = nullptr;  // that waits at the same meeting
  unsigned thread = 0;    // in its block
  unsigned block = 0;     // in its cluster
  unsigned warp = 0;      // in its cluster
  bool done = false;
  void* tsan = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_size = 0;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
};

/// Where the threads of a warp, a block or a cluster wait for each other.
struct Meeting {
  Fiber* waiting = nullptr;
  unsigned members = 0, live = 0, count = 0;
  int line = 0;
  unsigned number = 0;  // meetings held
  char tag[2];          // alternate: else a fast thread's next arrival would hide a race
};

/// What the lanes of a warp hand each other, by parity of the meeting: a fast lane may be one meeting ahead.
struct WarpExchange {
  double values[2][warp_lanes];
  float factors[2][warp_lanes][12];
};

/// What one OS thread is emulating: one cluster at a time. Lives in its own pages, out of ThreadSanitizer's sight.
struct Machine {
  Fiber host;
  Fiber fibers[max_threads];
  Fiber* ready[max_threads];  // a ring: [next_ready, next_ready + ready_count)
  unsigned next_ready = 0, ready_count = 0, threads = 0, live = 0;
  Meeting warps[max_threads / warp_lanes];
  WarpExchange exchanges[max_threads / warp_lanes];
  Meeting blocks[max_cluster_blocks];
  Meeting cluster;
  char exit_tag;
  Fiber* current = nullptr;
  Dim3 grid, block;
  unsigned cluster_blocks = 1;
  Dim3 block_indices[max_cluster_blocks];
  unsigned char* shared[max_cluster_blocks];
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
  const Fiber& fiber = m.current != nullptr ? *m.current : m.host;
  std::fprintf(stderr, "emulation: %s (block %u,%u thread %u line %d)\n", what, m.block_indices[fiber.block].x,
               m.block_indices[fiber.block].y, fiber.thread, line);
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

/// May run again.
EMULATION_UNSEEN inline void make_ready(Machine& m, Fiber** fibers, unsigned count) {
  shuffle(fibers, count, m.random);
  for (unsigned i = 0; i < count; ++i) {
    m.ready[(m.next_ready + m.ready_count++) % max_threads] = fibers[i];
  }
}

/// Lets the next ready thread run, or the host if there is none.
EMULATION_UNSEEN inline void yield(Machine& m) {
  Fiber* next = &m.host;
  if (m.ready_count > 0) {
    next = m.ready[m.next_ready];
    m.next_ready = (m.next_ready + 1) % max_threads;
    --m.ready_count;
  }
  if (next != m.current) {
    switch_to(next);
  }
}

/// Waits until all members have arrived.
EMULATION_UNSEEN inline void meet(Machine& m, Meeting& meeting, int line) {
  if (meeting.live != meeting.members) {
    fail("barrier after a thread of the block has ended", line);
  }
  if (meeting.count == 0) {
    meeting.line = line;
  } else if (meeting.line != line) {
    fail("threads of a block at different barriers", line);
  }
  m.current->next = meeting.waiting;
  meeting.waiting = m.current;
  if (++meeting.count == meeting.members) {
    Fiber* released[max_threads];
    unsigned count = meeting.count;
    for (Fiber* fiber = meeting.waiting; fiber != nullptr; fiber = fiber->next) {
      released[--count] = fiber;  // in order of arrival
    }
    ++meeting.number;
    meeting.waiting = nullptr;
    make_ready(m, released, meeting.count);
    meeting.count = 0;
  }
  yield(m);
}

/// Likewise; what members wrote before, all see afterwards.
EMULATION_UNSEEN __attribute__((noinline)) inline void barrier(Meeting& meeting, int line) {
  char* tag = &meeting.tag[meeting.number & 1U];
  __tsan_release(tag);
  meet(machine(), meeting, line);
  __tsan_acquire(tag);
}
EMULATION_UNSEEN inline Meeting& own_warp() {
  Machine& m = machine();
  return m.warps[m.current->warp];
}
EMULATION_UNSEEN inline Meeting& own_block() {
  Machine& m = machine();
  return m.blocks[m.current->block];
}

/// The value of the lane whose number differs from this one's in the bits of `mask`. Orders nothing else, as on a GPU.
EMULATION_UNSEEN inline double exchange(double value, unsigned mask, int line) {
  Machine& m = machine();
  Meeting& warp = own_warp();
  double* values = m.exchanges[m.current->warp].values[warp.number & 1U];
  const unsigned lane = m.current->thread % warp_lanes;
  values[lane] = value;
  meet(m, warp, line);
  return values[lane ^ mask];
}

/// Numbers of 16 bits, rounded to nearest (device_emulated.cpp).
[[nodiscard]] std::uint16_t to_half(float value);
[[nodiscard]] float from_half(std::uint16_t half);

/// mma.m16n8k16 with factors of 16 bits: C <- C + A B. Each sum takes its 16 products one after the other, rounded to
/// float32 each; a GPU's order is its own.
EMULATION_UNSEEN inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, int line) {
  Machine& m = machine();
  Meeting& warp = own_warp();
  auto* factors = m.exchanges[m.current->warp].factors[warp.number & 1U];
  const unsigned lane = m.current->thread % warp_lanes;
  const unsigned packed[6] = {a[0], a[1], a[2], a[3], b0, b1};
  for (unsigned i = 0; i < 6; ++i) {
    factors[lane][2 * i] = from_half(static_cast<std::uint16_t>(packed[i] & 0xFFFFU));
    factors[lane][2 * i + 1] = from_half(static_cast<std::uint16_t>(packed[i] >> 16U));
  }
  meet(m, warp, line);
  // Register 2 h + r of lane 4 g + t holds A(g + 8 r, 8 h + 2 t) and its right neighbour; register h of B holds
  // B(8 h + 2 t, g) and its lower neighbour; C holds (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1).
  const unsigned g = lane / 4;
  const unsigned t = lane % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned column = 2 * t + i % 2;
    for (unsigned k = 0; k < 16; ++k) {
      const unsigned from = (k % 8) / 2;
      const float left = factors[4 * g + from][2 * (2 * (k / 8) + i / 2) + k % 2];
      const float right = factors[4 * column + from][2 * (4 + k / 8) + k % 2];
      c[i] = __builtin_fmaf(left, right, c[i]);
    }
  }
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
  --own_warp().live;
  --own_block().live;
  --m.cluster.live;
  --m.live;
  yield(m);
  fail("an ended thread was resumed");
}

EMULATION_UNSEEN inline void open(Meeting& meeting, unsigned members) {
  meeting.waiting = nullptr;
  meeting.members = meeting.live = members;
  meeting.count = 0;
  meeting.number = 0;
}

EMULATION_UNSEEN inline void start_fibers(Machine& m) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(m.stacks, stack_bytes * m.threads);  // ended fibers never unwind
#endif
#if defined(__SANITIZE_THREAD__)
  munmap(m.stacks, stack_bytes * max_threads);  // else the last block's use of the stacks would look like a race
  m.stacks = static_cast<char*>(map_pages(stack_bytes * max_threads));
#endif
  Fiber* all[max_threads];
  for (unsigned i = 0; i < m.threads; ++i) {
    Fiber& fiber = m.fibers[i];
    fiber.thread = i % m.block.x;
    fiber.block = i / m.block.x;
    fiber.warp = i / warp_lanes;
    fiber.done = false;
    fiber.stack_bottom = m.stacks + stack_bytes * i;
    fiber.stack_size = stack_bytes;
#if defined(__SANITIZE_THREAD__)
    fiber.tsan = __tsan_create_fiber(0);
#endif
    prepare(fiber, m.stacks + stack_bytes * i);
    open(m.warps[fiber.warp], warp_lanes);
    open(m.blocks[fiber.block], m.block.x);
    all[i] = &fiber;
  }
  open(m.cluster, m.threads);
  make_ready(m, all, m.threads);
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

EMULATION_UNSEEN inline void run_cluster(Machine& m, std::size_t shared_bytes) {
  m.live = m.threads;
  start_fibers(m);
  yield(m);  // comes back when no thread can run
  if (m.live != 0) {
    fail("deadlock: some threads wait at a barrier, the others have ended", m.blocks[0].line);
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
  for (unsigned block = 0; block < m.cluster_blocks; ++block) {
    for (std::size_t i = 0; i < guard_bytes; ++i) {
      if (m.shared[block][shared_bytes + i] != unset_byte) {
        fail("a write beyond shared memory");
      }
    }
  }
}

EMULATION_UNSEEN inline void run_grid(Dim3 grid, Dim3 block, unsigned cluster_blocks, std::size_t shared_bytes,
                                      void (*call)(void*), void* argument) {
  Machine& m = machine();
  m.grid = grid;
  m.block = block;
  m.cluster_blocks = cluster_blocks;
  m.threads = block.x * cluster_blocks;
  if (block.x > max_block_threads || block.x % warp_lanes != 0) {
    fail("blocks must have a multiple of 32 threads, at most 512");
  }
  if (cluster_blocks > max_cluster_blocks || m.threads > max_threads || grid.x % cluster_blocks != 0) {
    fail("clusters must have at most 16 blocks and 2048 threads, and fill the grid");
  }
  m.call = call;
  m.argument = argument;
  m.random = order_seed() * 0x9E3779B97F4A7C15ULL + 1;
  m.current = &m.host;
#if defined(__SANITIZE_THREAD__)
  m.host.tsan = __tsan_get_current_fiber();
#endif
  const unsigned blocks = grid.x * grid.y;
  const unsigned clusters = blocks / cluster_blocks;
  auto* order = static_cast<unsigned*>(map_pages(clusters * sizeof(unsigned)));
  auto* shared = static_cast<unsigned char**>(map_pages(blocks * sizeof(unsigned char*)));
  for (unsigned i = 0; i < clusters; ++i) {
    order[i] = i;
  }
  shuffle(order, clusters, m.random);
  for (unsigned i = 0; i < clusters; ++i) {
    for (unsigned rank = 0; rank < cluster_blocks; ++rank) {
      const unsigned number = order[i] * cluster_blocks + rank;
      m.block_indices[rank] = {number % grid.x, number / grid.x, 0};
      m.shared[rank] = shared[number] = make_shared_memory(shared_bytes);
    }
    run_cluster(m, shared_bytes);
  }
  __tsan_acquire(&m.exit_tag);  // only here: blocks of one launch are not ordered among themselves
  for (unsigned i = 0; i < blocks; ++i) {
    std::free(shared[i]);
  }
  munmap(order, clusters * sizeof(unsigned));
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
inline void launch(void (*kernel)(Parameters...), Dim3 grid, Dim3 block, unsigned cluster_blocks,
                   std::size_t shared_bytes, Given... given) {
  auto run = [=] {
    if (launch_hook() != nullptr) {
      launch_hook()();
    }
    auto body = [=] { kernel(Parameters(given)...); };
    run_grid(
        grid, block, cluster_blocks, shared_bytes, [](void* argument) { (*static_cast<decltype(body)*>(argument))(); },
        &body);
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
EMULATION_UNSEEN inline Dim3 block_index() {
  return machine().block_indices[machine().current->block];
}
EMULATION_UNSEEN inline unsigned cluster_rank() {
  return machine().current->block;
}
EMULATION_UNSEEN inline unsigned char* own_shared() {
  return machine().shared[machine().current->block];
}
/// Where the block `rank` of the cluster has what `mine` points to in this one's shared memory.
template <class T>
EMULATION_UNSEEN inline T* remote(T* mine, unsigned rank) {
  Machine& m = machine();
  if (rank >= m.cluster_blocks) {
    fail("a block that the cluster does not have");
  }
  if (m.cluster_blocks > 1 && m.cluster.number == 0) {
    fail("the memory of a block that may not have begun: the cluster has not met");
  }
  return reinterpret_cast<T*>(m.shared[rank] + (reinterpret_cast<unsigned char*>(mine) - own_shared()));
}

}  // namespace fasweep::emulation

// The part of the CUDA language that kernels here use.
#define __global__
#define __device__
#define __launch_bounds__(...)
#define threadIdx (fasweep::emulation::thread_index())
#define blockIdx (fasweep::emulation::block_index())
#define gridDim (fasweep::emulation::machine().grid)
#define blockDim (fasweep::emulation::machine().block)
#define __syncthreads() fasweep::emulation::barrier(fasweep::emulation::own_block(), __LINE__)
#define __syncwarp() fasweep::emulation::barrier(fasweep::emulation::own_warp(), __LINE__)
