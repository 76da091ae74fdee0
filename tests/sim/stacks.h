/* stacks.h - switching between the stacks of fibers. ucontext asks the kernel about signals at each
 * switch, a tenth of the simulator's time; where we know how, we do without. */
#pragma once
#include <stddef.h>
#include <string.h>

#ifdef __x86_64__
typedef struct {
    void *pointer;
} sim_stack;

/* Keeps what the caller's caller relies on: six registers, on the stack itself. */
void sim_stack_swap(void **from, void *to);
__asm__(".text\n"
        ".type sim_stack_swap, @function\n"
        "sim_stack_swap:\n"
        "  endbr64\n"
        "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, (%rdi)\n"
        "  mov %rsi, %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
        "  ret\n"
        ".size sim_stack_swap, . - sim_stack_swap\n");

static inline void sim_stack_switch(sim_stack *from, const sim_stack *to)
{
    sim_stack_swap(&from->pointer, to->pointer);
}

/* It begins with `run`, which must never return. */
static inline void sim_stack_make(sim_stack *stack, char *bytes, size_t size, void (*run)(void))
{
    char *top[8] = {0}; /* six registers, the address, and one that aligns */
    memcpy(&top[6], &run, sizeof run);
    stack->pointer = bytes + size - sizeof top;
    memcpy(stack->pointer, top, sizeof top);
}
#else
#include <ucontext.h>
typedef struct {
    ucontext_t context;
} sim_stack;

static inline void sim_stack_switch(sim_stack *from, const sim_stack *to)
{
    (void)swapcontext(&from->context, &to->context);
}

static inline void sim_stack_make(sim_stack *stack, char *bytes, size_t size, void (*run)(void))
{
    (void)getcontext(&stack->context);
    stack->context.uc_stack.ss_sp = bytes;
    stack->context.uc_stack.ss_size = size;
    makecontext(&stack->context, run, 0);
}
#endif
