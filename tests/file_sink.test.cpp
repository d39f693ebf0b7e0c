// What batches write into files, and that they do it once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "millrace/error.hpp"
#include "millrace/file.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::stream_fixture;
using names = std::vector<std::string>;

class FileSink : public ::testing::Test {
 protected:
  FileSink() {
    std::string name = (fs::temp_directory_path() / "millrace_file_sink_XXXXXX").string();
    out = ::mkdtemp(name.data());
    out += "/out";
  }
  ~FileSink() override { fs::remove_all(fs::path(out).parent_path()); }

  names visible() const {
    names all;
    for (const auto& entry : fs::directory_iterator(out))
      if (entry.is_regular_file()) all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }
  /// Files that no commit gave a name.
  names left_over() const {
    names all;
    for (const auto& entry : fs::recursive_directory_iterator(out + "/_millrace"))
      if (entry.is_regular_file() && entry.path().filename() != "commits" &&
          entry.path().filename() != "writer")
        all.push_back(entry.path().filename().string());
    return all;
  }
  std::string content(const std::string& name) const {
    std::ostringstream all;
    all << std::ifstream(out + "/" + name, std::ios::binary).rdbuf();
    return all.str();
  }
  std::string everything() const {
    std::string all;
    for (const std::string& name : visible()) all += content(name);
    return all;
  }

  std::string out;
};

TEST_F(FileSink, rows_become_lines_of_files_named_by_batch_and_partition) {
  stream_fixture s{{.name = "my app", .master = "local[2]", .batch = 1s}};
  auto words = s.input<std::pair<std::string, int>>();
  words.named("_totals").write(file::text{.directory = out});
  s.feed(words, {{{"a", 1}, {"b", 2}}, {}, {{"c", 3}}});
  s.run();
  EXPECT_EQ(visible(),
            (names{"my%20app.%5Ftotals.1000.00000.txt", "my%20app.%5Ftotals.1000.00001.txt",
                   "my%20app.%5Ftotals.3000.00001.txt"}));
  EXPECT_EQ(content(visible()[0]), "(a,1)\n");
  EXPECT_EQ(left_over(), names{});
}

TEST_F(FileSink, empty_files_are_made_when_asked_for) {
  stream_fixture s{{.name = "app", .master = "local[2]", .batch = 1s}};
  auto words = s.input<std::string>();
  words.write(file::text{.directory = out, .write = {.empty_files = true}});
  s.feed(words, {{}});
  s.run();
  EXPECT_EQ(visible().size(), 2U);
  EXPECT_EQ(everything(), "");
}

TEST_F(FileSink, a_file_that_is_large_enough_is_followed_by_another) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto words = s.input<std::string>();
  words.write(file::text{.directory = out, .write = {.roll_bytes = 10}});
  s.feed(words, {{"12345678", "1", "22", "333", "4444", "x"}});
  s.run();
  EXPECT_EQ(visible(), (names{"app.write.1000.00000.0000.txt", "app.write.1000.00000.0001.txt",
                              "app.write.1000.00000.0002.txt"}));
  EXPECT_EQ(content(visible()[0]), "12345678\n1\n");
  EXPECT_EQ(everything(), "12345678\n1\n22\n333\n4444\nx\n");
}

TEST_F(FileSink, files_of_several_batches_become_one) {
  stream_fixture s{{.name = "app", .master = "local[2]", .batch = 1s}};
  auto words = s.input<std::pair<std::string, int>>();
  words.write(file::csv<>{.directory = out, .write = {.roll_interval = 3s}});
  const auto feed = [&](int from, int batches) {
    for (int b = from; b < from + batches; ++b) s.feed(words, {{{"a", b}, {"b", b}}});
    s.run();
  };
  feed(1, 3);
  EXPECT_EQ(visible(), names{});
  feed(4, 1);
  EXPECT_EQ(visible(), (names{"app.write.1000.00000.csv", "app.write.1000.00001.csv"}));
  EXPECT_EQ(content(visible()[0]), "_1,_2\na,1\na,2\na,3\na,4\n");
  EXPECT_EQ(content(visible()[1]), "_1,_2\nb,1\nb,2\nb,3\nb,4\n");
  EXPECT_EQ(left_over(), names{});
  feed(5, 2);
  s.advance(1);  // one without rows
  EXPECT_EQ(visible().size(), 2U);
  EXPECT_EQ(left_over().size(), 4U);
  s.streaming().stop();
  EXPECT_EQ(visible().size(), 4U);
  EXPECT_EQ(content("app.write.5000.00001.csv"), "_1,_2\nb,5\nb,6\n");
  EXPECT_EQ(left_over(), names{});
}

TEST_F(FileSink, a_file_that_waits_for_others_and_was_cut_short_is_an_error) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto words = s.input<std::string>();
  words.write(file::text{.directory = out, .write = {.roll_interval = 2s}});
  s.feed(words, {{"to be"}, {"or not"}});
  s.run();
  ASSERT_FALSE(left_over().empty());
  for (const fs::directory_entry& one : fs::recursive_directory_iterator(out))
    if (one.is_regular_file() && one.path().parent_path().filename() == "held")
      fs::resize_file(one.path(), 3);
  try {
    s.advance(1);
    FAIL() << "what was cut off is not missed";
  } catch (const stream_error& e) {
    EXPECT_NE(std::string(e.what()).find("cut short: it ends at 3 and not at 6"), std::string::npos)
        << e.what();
  }
  EXPECT_EQ(visible(), names{});
}

TEST_F(FileSink, files_of_several_batches_are_rolled_by_size_too_and_compressed) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto words = s.input<std::string>();
  words.write(file::text{
      .directory = out, .write = {.compression = "gzip", .roll_bytes = 1000, .roll_interval = 1h}});
  std::string all;
  for (int i = 0; i < 10; ++i) {
    const std::string row(200 + i, static_cast<char>('a' + i));
    all += row + "\n";
    s.feed(words, {{row}});
  }
  s.feed(words, {{std::string(1500, 'x'), "y"}});
  all += std::string(1500, 'x') + "\ny\n";
  s.run();
  s.streaming().stop();
  EXPECT_EQ(visible(),
            (names{"app.write.1000.00000.0000.txt.gz", "app.write.11000.00000.0000.txt.gz",
                   "app.write.11000.00000.0001.txt.gz", "app.write.6000.00000.0000.txt.gz"}));
  context sc{{.master = "local[1]"}};
  std::string read;
  for (const char* name :
       {"1000.00000.0000", "6000.00000.0000", "11000.00000.0000", "11000.00000.0001"})
    for (const std::string_view line :
         sc.text_file(out + "/app.write." + name + ".txt.gz").collect())
      read += std::string(line) + "\n";
  EXPECT_EQ(read, all);
}

TEST_F(FileSink, what_waits_for_others_waits_on_when_the_program_crashes) {
  const testing::durable_input<std::string> words(1);
  testing::program_fixture p({.name = "app", .batch = 1s}, [&](streaming_context& ssc) {
    ssc.stream(words).write(file::text{.directory = out, .write = {.roll_interval = 1h}});
  });
  words.feed({{"to be"}, {"or not"}});
  p.advance();
  p.crash();
  EXPECT_EQ(visible(), names{}) << "a process that was killed shows nothing";
  p.advance();
  p.stop();
  EXPECT_EQ(everything(), "to be\nor not\n");
}

TEST_F(FileSink, what_is_compressed_is_read_again_as_text) {
  for (const auto& [codec, end] :
       {std::pair{"gzip", ".gz"}, {"zstd", ".zst"}, {"lz4", ".lz4"}, {"bzip2", ".bz2"}}) {
    stream_fixture s{{.name = codec, .master = "local[1]", .batch = 1s}};
    auto words = s.input<std::string>();
    words.write(file::text{.directory = out, .write = {.compression = codec}});
    s.feed(words, {{"to be", "or not"}});
    s.run();
    const std::string path = out + "/" + codec + ".write.1000.00000.txt" + end;
    ASSERT_TRUE(fs::exists(path));
    EXPECT_EQ(s.context().text_file(path).count(), 2);
  }
}

TEST_F(FileSink, is_refused_where_it_cannot_be) {
  for (const file::text& sink :
       {file::text{}, file::text{.directory = out, .write = {.compression = "rar"}}}) {
    stream_fixture s{{.batch = 1s}};
    auto words = s.input<std::string>();
    words.write(sink);
    s.feed(words, {{"a"}});
    EXPECT_THROW(s.run(), stream_error);
  }
}

TEST_F(FileSink, a_batch_that_runs_again_after_it_was_committed_is_left_out) {
  for (const char* word : {"first", "again"}) {
    stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
    auto words = s.input<std::string>();
    words.write(file::text{.directory = out});
    s.feed(words, {{word}, {word}});
    s.run();
  }
  EXPECT_EQ(everything(), "first\nfirst\n");
}

TEST_F(FileSink, what_a_dead_run_left_is_finished_where_decided_and_else_removed) {
  const output_id batch{"app", "write", batch_time(1s), -1, 0};
  const file::writing_options options;
  const auto write = [&](const detail::file_output& to, int partition, const std::string& row) {
    output_id id = batch;
    id.partition = partition;
    detail::part_writer part(to, id, detail::text_lines(detail::row_type_of<std::string>()));
    part.add(&row);
    return part.finish();
  };
  {
    const auto state = detail::new_file_output();
    const detail::file_output to{out, options, state};
    EXPECT_FALSE(detail::files_committed(to, batch));
    const std::vector<detail::written_files> files{write(to, 0, "a"), write(to, 1, "b")};
    detail::commit_files(to, batch, files);
    const std::string parts =
        out + "/" + files[0][0].temporary.substr(0, files[0][0].temporary.rfind('/'));
    // As a crash after the decision leaves them: one with its name, one without.
    fs::rename(out + "/app.write.1000.00001.txt", parts + "/1000.00001.0.0");
    std::ofstream(parts + "/2000.00000.0.0") << "of a batch that nobody decided";
  }
  {
    const auto state = detail::new_file_output();
    const detail::file_output to{out, options, state};
    EXPECT_TRUE(detail::files_committed(to, batch));
    EXPECT_EQ(everything(), "a\nb\n");
    EXPECT_EQ(left_over(), names{});
    detail::commit_files(to, batch, {});
    EXPECT_EQ(everything(), "a\nb\n");
  }
}

TEST_F(FileSink, a_run_that_another_has_followed_can_not_commit) {
  const auto write = [&](const detail::file_output& to, output_id id, const std::string& row) {
    id.partition = 0;
    detail::part_writer part(to, id, detail::text_lines(detail::row_type_of<std::string>()));
    part.add(&row);
    return part.finish();
  };
  const auto batch = [](std::chrono::milliseconds time) {
    return output_id{"app", "write", batch_time(time), -1, 0};
  };
  const file::writing_options options;
  const auto old_state = detail::new_file_output();
  const detail::file_output zombie{out, options, old_state};
  EXPECT_FALSE(detail::files_committed(zombie, batch(1s)));
  const std::vector<detail::written_files> late{write(zombie, batch(1s), "of the first run")};

  const auto new_state = detail::new_file_output();
  const detail::file_output next{out, options, new_state};
  EXPECT_FALSE(detail::files_committed(next, batch(1s)));
  detail::commit_files(next, batch(1s), {write(next, batch(1s), "of the second")});
  EXPECT_FALSE(detail::files_committed(next, batch(2s)));
  detail::commit_files(next, batch(2s), {write(next, batch(2s), "of the second")});

  detail::commit_files(zombie, batch(1s), late);  // it is committed: nothing to do
  try {
    detail::commit_files(zombie, batch(3s), late);
    FAIL() << "it was committed";
  } catch (const error& e) {
    EXPECT_NE(std::string(e.what()).find("another run of the program has begun to write"),
              std::string::npos)
        << e.what();
  }
  EXPECT_EQ(everything(), "of the second\nof the second\n");
  EXPECT_FALSE(detail::files_committed(next, batch(3s)));
  EXPECT_TRUE(detail::files_committed(next, batch(1s)));
}

TEST_F(FileSink, a_task_that_fails_leaves_nothing) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto words = s.input<std::string>();
  words
      .map([](const std::string& word) {
        if (word == "bad") throw std::runtime_error("a bad word");
        return word;
      })
      .write(file::text{.directory = out});
  s.feed(words, {{"good"}, {"good", "bad"}});
  EXPECT_THROW(s.run(), stream_error);
  EXPECT_EQ(everything(), "good\n");
  EXPECT_EQ(left_over(), names{});
}

/// Runs `body` in a process of its own, which must end as `wanted` says.
template <class F>
void in_child(F body, const std::function<bool(int)>& wanted) {
  const ::pid_t child = ::fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(wanted(status)) << status;
}

TEST_F(FileSink, a_full_disk_fails_the_batch_in_words_and_shows_no_file) {
  const auto body = [&] {
    (void)::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit most{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &most) != 0) ::_exit(1);
    stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
    auto words = s.input<std::string>();
    words.write(file::text{.directory = out});
    s.feed(words, {{"small"}, {std::string(200'000, 'x')}});
    try {
      s.run();
    } catch (const stream_error& e) {
      const std::string text = describe(e);
      ::_exit(text.find("File too large") != std::string::npos &&
                      text.find("/parts/") != std::string::npos
                  ? 7
                  : 2);
    }
    ::_exit(3);
  };
  in_child(body, [](int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 7; });
  EXPECT_EQ(everything(), "small\n");
  EXPECT_EQ(left_over(), names{});
}

/// Three batches of numbers; killed by itself when the `kill_at`th row or commit comes.
void write_numbers(const std::string& out, int kill_at, std::chrono::milliseconds roll) {
  int at = 0;
  const auto tick = [&at, kill_at] {
    if (++at == kill_at) (void)::kill(::getpid(), SIGKILL);
  };
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto numbers = s.input<int>();
  struct watched {
    file::text to;
    std::function<void()> tick;
    detail::written_files prepare(const output_id& id, partition_rows<int>& rows) const {
      tick();
      detail::written_files files = to.prepare(id, rows);
      tick();
      return files;
    }
    bool committed(const output_id& batch) const { return to.committed(batch); }
    void commit(const output_id& batch, const std::vector<detail::written_files>& files) const {
      tick();
      to.commit(batch, files);
      tick();
    }
    void ended(const output_id& last) const {
      tick();
      to.ended(last);
      tick();
    }
  };
  numbers.repartition(2).write(watched{{.directory = out, .write = {.roll_interval = roll}}, tick});
  s.feed(numbers, {{1, 2}, {3, 4}, {5, 6}});
  s.run();
  s.streaming().stop();
}

TEST_F(FileSink, killed_anywhere_and_run_again_it_has_every_row_once) {
  for (const auto roll : {0s, 1s, 9s}) {
    bool finished = false;
    for (int kill_at = 1; !finished && kill_at < 100; ++kill_at) {
      fs::remove_all(out);
      in_child([&] { write_numbers(out, kill_at, roll); },
               [&](int status) {
                 finished = WIFEXITED(status);
                 return finished || WIFSIGNALED(status);
               });
      in_child([&] { write_numbers(out, 0, roll); }, [](int status) { return status == 0; });
      std::string all = everything();
      std::sort(all.begin(), all.end());
      EXPECT_EQ(all, "\n\n\n\n\n\n123456") << "killed at " << kill_at;
      EXPECT_EQ(left_over(), names{}) << "killed at " << kill_at;
    }
    EXPECT_TRUE(finished);
  }
}

TEST_F(FileSink, one_stream_writes_what_another_reads) {
  stream_fixture s{{.name = "app", .master = "local[1]", .batch = 1s}};
  auto words = s.input<std::string>();
  words.write(file::text{.directory = out});
  fs::create_directories(out);
  auto seen =
      s.collect(s.streaming().stream(file::text{.directory = out}).map([](std::string_view line) {
        return std::string(line);
      }));
  s.feed(words, {{"a"}, {"b"}, {}, {}});
  s.run();
  std::string all;
  for (const auto& batch : seen.batches())
    for (const std::string& line : batch) all += line;
  EXPECT_EQ(all, "ab");
}

}  // namespace
}  // namespace millrace
