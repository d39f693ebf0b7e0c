// The write-ahead log of receivers: whatever dies or fails, whenever it does.
#include "streaming/receiving/receiver_log.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "crashing_files.hpp"
#include "millrace/detail/base/log.hpp"

namespace millrace::detail {
namespace {

using test::crashing_files;
using after_crash = crashing_files::after_crash;

std::string content(std::uint64_t entry) {
  return "entry " + std::to_string(entry) + std::string(entry % 50, 'x');
}

receiver_log::options options_on(file_system& files, std::uint64_t segment_bytes = 300) {
  return {&files, "log", "text", segment_bytes};
}

std::uint64_t append(receiver_log& log, std::string_view text) {
  return log.append([&](byte_writer& to) { to.raw(text.data(), text.size()); });
}

void expect_entries(const receiver_log& log, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t entry = from; entry < to; ++entry)
    ASSERT_EQ(log.read(entry), content(entry)) << from << " " << to;
}

class ReceiverLog : public testing::Test {
 protected:
  ReceiverLog() { set_log_level(log_level::off); }
  ~ReceiverLog() override { set_log_level(log_level::warn); }

  /// What a receiver does: entries, now and then made durable, and freed once they were read.
  struct progress {
    std::uint64_t durable = 1;
    std::uint64_t freed = 1;
  };
  static void script(crashing_files& files, progress& at) {
    receiver_log log(options_on(files), 1);
    for (int step = 0; step < 8; ++step) {
      for (int i = 0; i < 5; ++i) (void)append(log, content(log.next()));
      if (!log.sync()) {
        if (files.dead()) return;
        EXPECT_FALSE(log.failure().empty());
        EXPECT_TRUE(log.try_again());
      }
      at.durable = log.durable();
      EXPECT_EQ(at.durable, log.next());
      expect_entries(log, at.freed, at.durable);
      if (step % 3 == 2) {
        at.freed = at.durable - 7;
        log.free(at.freed);
      }
      if (files.dead()) return;
    }
    log.close();
  }
};

TEST_F(ReceiverLog, WhatIsDurableIsThereForTheNextRun) {
  crashing_files files;
  progress at;
  script(files, at);
  files.restart();
  receiver_log log(options_on(files), 1);
  EXPECT_EQ(log.next(), 41U);
  EXPECT_EQ(log.durable(), 41U);
  expect_entries(log, at.freed, 41);
  EXPECT_EQ(append(log, content(41)), 41U);
  EXPECT_TRUE(log.sync());
  expect_entries(log, at.freed, 42);
}

TEST_F(ReceiverLog, NothingThatWasDurableIsLostWhenTheProcessDiesAtAnyCall) {
  for (const after_crash how :
       {after_crash::all_is_there, after_crash::synced_alone, after_crash::last_write_in_half}) {
    for (std::int64_t n = 1;; ++n) {
      crashing_files files;
      files.die_at(n, how);
      progress at;
      try {
        script(files, at);
      } catch (const error&) {  // in the constructor
      }
      if (!files.dead()) {
        EXPECT_GT(n, 60);
        break;
      }
      files.restart();
      receiver_log log(options_on(files), 1);
      ASSERT_GE(log.next(), at.durable) << n;
      ASSERT_LE(log.next(), at.durable + 5) << n;
      expect_entries(log, at.freed, log.next());
      // And again, for a run that was begun where another died.
      (void)append(log, content(log.next()));
      ASSERT_TRUE(log.sync());
      const std::uint64_t end = log.next();
      files.restart();
      const receiver_log later(options_on(files), 1);
      ASSERT_EQ(later.next(), end) << n;
      expect_entries(later, at.freed, end);
    }
  }
}

TEST_F(ReceiverLog, AnyCallMayFailOnce) {
  for (std::int64_t n = 1;; ++n) {
    crashing_files files;
    files.fail_at(n);
    progress at;
    try {
      script(files, at);
      ASSERT_EQ(at.durable, 41U) << n;
    } catch (const error& e) {  // nothing was promised yet
      ASSERT_EQ(at.durable, 1U) << n << e.what();
    }
    const bool over = files.changes() < n;
    files.restart();
    const receiver_log log(options_on(files), 1);
    ASSERT_EQ(log.next(), at.durable) << n;
    expect_entries(log, at.freed, at.durable);
    if (over) break;
  }
}

TEST_F(ReceiverLog, AFullDiskIsWaitedFor) {
  crashing_files files;
  receiver_log log(options_on(files), 1);
  (void)append(log, content(1));
  EXPECT_TRUE(log.sync());
  // While every change fails.
  files.fail_at(1);
  (void)append(log, content(2));
  EXPECT_TRUE(log.failing());
  EXPECT_NE(log.failure().find("Input/output error"), std::string::npos);
  EXPECT_FALSE(log.sync());
  for (int i = 0; i < 3; ++i) {
    files.fail_at(1);
    EXPECT_FALSE(log.try_again());
  }
  EXPECT_EQ(append(log, content(3)), 3U);
  EXPECT_EQ(log.durable(), 2U);
  std::thread waits([&] { EXPECT_TRUE(log.await(4)); });
  EXPECT_TRUE(log.try_again());
  EXPECT_FALSE(log.try_again());
  waits.join();
  EXPECT_FALSE(log.failing());
  EXPECT_EQ(log.durable(), 4U);
  EXPECT_LE(files.all().size(), 2U);  // no file is left of each attempt
  log.close();
  files.restart();
  const receiver_log later(options_on(files), 1);
  expect_entries(later, 1, 4);
}

TEST_F(ReceiverLog, CloseEndsTheWaitForADiskThatStaysFull) {
  crashing_files files;
  receiver_log log(options_on(files), 1);
  files.fail_at(1);
  (void)append(log, "a");
  std::thread waits([&] { EXPECT_FALSE(log.await(2)); });
  log.close();
  waits.join();
}

TEST_F(ReceiverLog, EveryByteThatIsDamagedIsRefusedOrATailIsLeftOut) {
  crashing_files files;
  {
    receiver_log log(options_on(files), 1);
    for (std::uint64_t entry = 1; entry < 12; ++entry) {
      (void)append(log, content(entry));
      ASSERT_TRUE(log.sync());
    }
  }
  const auto before = files.all();
  ASSERT_GT(before.size(), 2U);
  for (const auto& [path, bytes] : before) {
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      auto damaged = before;
      damaged[path][i] = static_cast<char>(bytes[i] ^ 0x10);
      files.set(damaged);
      try {
        const receiver_log log(options_on(files), 1);
        ASSERT_EQ(log.next(), 12U) << path << " " << i;
        expect_entries(log, 1, log.next());
      } catch (const error& e) {
        ASSERT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
      }
    }
  }
}

TEST_F(ReceiverLog, AMissingFileIsNoticed) {
  crashing_files files;
  {
    receiver_log log(options_on(files), 1);
    for (std::uint64_t entry = 1; entry < 30; ++entry) (void)append(log, content(entry));
    log.close();
  }
  auto all = files.all();
  ASSERT_GT(all.size(), 3U);
  all.erase(std::next(all.begin()));
  files.set(all);
  EXPECT_THROW(receiver_log(options_on(files), 1), error);
}

TEST_F(ReceiverLog, RowsOfAnotherTypeAreRefused) {
  crashing_files files;
  {
    receiver_log(options_on(files), 1).close();
  }
  EXPECT_THROW(receiver_log({&files, "log", "int32"}, 1), usage_error);
}

TEST_F(ReceiverLog, NumbersGoOnWhereBatchesAre) {
  crashing_files files;
  receiver_log log(options_on(files), 100);
  EXPECT_EQ(append(log, "a"), 100U);
  EXPECT_THROW((void)log.read(99), error);
}

TEST_F(ReceiverLog, ARunThatWasTakenOverPromisesNothingAndIsNotRead) {
  crashing_files files;
  bool taken_over = false;
  receiver_log::options watched = options_on(files);
  watched.check_owner = [&] {
    if (taken_over) throw error("somebody else has it");
  };
  receiver_log zombie(watched, 1);
  (void)append(zombie, content(1));
  EXPECT_TRUE(zombie.sync());
  taken_over = true;
  receiver_log next(options_on(files), 1);
  (void)append(zombie, "lost");
  EXPECT_FALSE(zombie.sync());
  EXPECT_NE(zombie.failure().find("somebody else has it"), std::string::npos);
  EXPECT_FALSE(zombie.try_again());
  EXPECT_EQ(zombie.durable(), 2U);
  (void)append(next, content(2));
  EXPECT_TRUE(next.sync());
  // It does not look, and gets a file of its own behind ours.
  taken_over = false;
  while (!zombie.try_again()) {
  }
  (void)append(next, content(3));
  EXPECT_TRUE(next.sync());
  files.restart();
  const receiver_log later(options_on(files), 1);
  EXPECT_EQ(later.next(), 4U);
  expect_entries(later, 1, 4);
}

TEST(ReceiverLogThreads, SeveralAppendAndWait) {
  set_log_level(log_level::off);
  crashing_files files;
  {
    receiver_log log(options_on(files, 2000), 1);
    std::vector<std::thread> all;
    for (int t = 0; t < 4; ++t)
      all.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          const std::uint64_t entry = append(log, "x");
          EXPECT_TRUE(log.await(entry + 1));
          if (i % 50 == 0) log.free(entry > 100 ? entry - 100 : 1);
        }
      });
    for (auto& one : all) one.join();
    EXPECT_EQ(log.durable(), 801U);
    log.close();
  }
  files.restart();
  EXPECT_EQ(receiver_log(options_on(files), 1).next(), 801U);
  set_log_level(log_level::warn);
}

}  // namespace
}  // namespace millrace::detail
