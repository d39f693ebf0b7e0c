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
      if (entry.is_regular_file() && entry.path().filename() != "commits")
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
  const std::string parts = out + "/_millrace/app/write/parts";
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
                      text.find("app/write/parts") != std::string::npos
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
void write_numbers(const std::string& out, int kill_at) {
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
  };
  numbers.repartition(2).write(watched{{.directory = out}, tick});
  s.feed(numbers, {{1, 2}, {3, 4}, {5, 6}});
  s.run();
}

TEST_F(FileSink, killed_anywhere_and_run_again_it_has_every_row_once) {
  bool finished = false;
  for (int kill_at = 1; !finished && kill_at < 100; ++kill_at) {
    fs::remove_all(out);
    in_child([&] { write_numbers(out, kill_at); },
             [&](int status) {
               finished = WIFEXITED(status);
               return finished || WIFSIGNALED(status);
             });
    in_child([&] { write_numbers(out, 0); }, [](int status) { return status == 0; });
    std::string all = everything();
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, "\n\n\n\n\n\n123456") << "killed at " << kill_at;
    EXPECT_EQ(left_over(), names{}) << "killed at " << kill_at;
  }
  EXPECT_TRUE(finished);
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
