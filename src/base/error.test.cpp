#include "millrace/error.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace millrace {
namespace {

using namespace std::chrono_literals;

std::exception_ptr caught(const std::function<void()>& f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

template <class Inner, class Outer>
std::exception_ptr nest(Inner inner, Outer outer) {
  return caught([&] {
    try {
      throw inner;
    } catch (...) {
      std::throw_with_nested(outer);
    }
  });
}

TEST(Describe, OneMessage) {
  EXPECT_EQ(describe(error{"no such thing"}), "no such thing");
  EXPECT_EQ(describe(std::exception_ptr{}), "");
}

TEST(Describe, NestedMessagesOutermostFirst) {
  const auto failure =
      nest(std::runtime_error{"bad word"}, job_error{"the task failed", {.stage = 1}});
  EXPECT_EQ(describe(failure), "the task failed: bad word");
}

TEST(Describe, ThreeLevels) {
  const auto failure = caught([] {
    try {
      try {
        throw std::runtime_error{"bad word"};
      } catch (...) {
        std::throw_with_nested(job_error{"the task failed", {}});
      }
    } catch (...) {
      std::throw_with_nested(stream_error{"the batch failed", {}, "map"});
    }
  });
  EXPECT_EQ(describe(failure), "the batch failed: the task failed: bad word");
}

TEST(Describe, WhatTheOuterMessageSaysIsNotRepeated) {
  const auto failure =
      nest(std::runtime_error{"bad word"}, error{"the task failed with \"bad word\""});
  EXPECT_EQ(describe(failure), "the task failed with \"bad word\"");
}

TEST(Describe, WhatIsNoStandardExceptionShowsItsType) {
  EXPECT_EQ(describe(nest(42, error{"the task failed"})),
            "the task failed: an exception of type int");
  EXPECT_EQ(describe(caught([] { throw 1.5; })), "an exception of type double");
}

TEST(Describe, NothingNested) {
  EXPECT_EQ(describe(caught([] { std::throw_with_nested(error{"alone"}); })), "alone");
}

TEST(JobError, SaysWhere) {
  const job_error e{"text",
                    {.stage = 1, .partition = 2, .attempt = 3, .row = 4, .operation = "map"}};
  EXPECT_EQ(e.stage(), 1);
  EXPECT_EQ(e.partition(), 2);
  EXPECT_EQ(e.attempt(), 3);
  EXPECT_EQ(e.row(), 4);
  EXPECT_EQ(e.operation(), "map");
  EXPECT_EQ((job_error{"text", {}}.row()), -1);
}

TEST(StreamError, SaysWhen) {
  const stream_error e{"text", stream_error::time_type{1500ms}, "print"};
  EXPECT_EQ(e.batch_time().time_since_epoch(), 1500ms);
  EXPECT_EQ(e.operation(), "print");
}

TEST(JobError, KeepsItsPlaceWhenThrownWithNested) {
  const auto failure = nest(std::runtime_error{"inner"}, job_error{"outer", {.stage = 7}});
  try {
    std::rethrow_exception(failure);
  } catch (const job_error& e) {
    EXPECT_EQ(e.stage(), 7);
    EXPECT_THROW(std::rethrow_if_nested(e), std::runtime_error);
  }
}

}  // namespace
}  // namespace millrace
