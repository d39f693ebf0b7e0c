#include "base/thread_stack.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace millrace::detail {
namespace {

TEST(StackThreads, OfAThreadThatWorksAndOfOneThatWaits) {
  std::atomic<bool> begun{false}, end{false};
  std::thread worker([&] {
    begun = true;
    while (!end) std::this_thread::yield();
  });
  while (!begun) std::this_thread::yield();
  EXPECT_FALSE(stack_of(worker.native_handle(), 20).empty());
  EXPECT_EQ(stack_of(worker.native_handle(), 1).size(), 1U);
  end = true;
  worker.join();
}

TEST(StackThreads, AThreadThatDoesNotListenIsLeftAlone) {
  std::atomic<bool> begun{false}, end{false};
  std::thread worker([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    begun = true;
    while (!end) std::this_thread::yield();
  });
  while (!begun) std::this_thread::yield();
  EXPECT_TRUE(stack_of(worker.native_handle(), 20).empty());
  end = true;
  worker.join();
}

TEST(StackThreads, AHandlerOfTheProgramStays) {
  struct sigaction before = {};
  struct sigaction own = {};
  own.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGURG, &own, &before), 0);
  EXPECT_TRUE(stack_of(pthread_self(), 20).empty());
  ASSERT_EQ(::sigaction(SIGURG, &before, nullptr), 0);
}

}  // namespace
}  // namespace millrace::detail
