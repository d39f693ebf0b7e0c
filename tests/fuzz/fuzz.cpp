// A driver of our own instead of libFuzzer: it runs wherever the tests do, under GCC as under the
// address sanitizer, without a build of everything with another compiler. Instead of branches it
// watches answers: an input that is refused in words that were not heard before is worth changing.
#include "fuzz.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <set>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace {

constexpr std::size_t most_memory = std::size_t{256} << 20;  // at once
thread_local bool reading = false;

void* take(std::size_t bytes, std::size_t alignment) {
  if (reading && bytes > most_memory) {
    reading = false;
    ADD_FAILURE() << "so much memory was asked for at once, for an input this small: " << bytes;
  }
  void* const made =
      alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (made == nullptr && bytes != 0) throw std::bad_alloc();
  return made;
}

}  // namespace

void* operator new(std::size_t bytes) { return take(std::max<std::size_t>(bytes, 1), 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return take(std::max<std::size_t>(bytes, 1), static_cast<std::size_t>(alignment));
}
// Where these are not ours, a sanitizer has its own, which do not go with the deletes below.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(std::max<std::size_t>(bytes, 1));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto whole = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(whole, (bytes + whole - 1) / whole * whole);
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }

namespace millrace::fuzz {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

constexpr std::size_t longest = std::size_t{64} << 10;

const char* environment(const char* name) { return std::getenv(name); }

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Outlives the process that dies of it.
class input_on_disk {
 public:
  explicit input_on_disk(const std::string& name)
      : path_(fs::temp_directory_path() /
              ("millrace_fuzz_" + name + "_" + std::to_string(::getpid()))) {
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file == -1 || ::ftruncate(file, sizeof(std::uint64_t) + longest) != 0)
      throw error("can't write: " + path_.string());
    void* const at = ::mmap(nullptr, sizeof(std::uint64_t) + longest, PROT_READ | PROT_WRITE,
                            MAP_SHARED, file, 0);
    ::close(file);
    if (at == MAP_FAILED) throw error("can't map: " + path_.string());
    at_ = static_cast<char*>(at);
  }
  ~input_on_disk() {
    ::munmap(at_, sizeof(std::uint64_t) + longest);
    if (!::testing::Test::HasFailure()) fs::remove(path_);
  }
  input_on_disk(const input_on_disk&) = delete;
  input_on_disk& operator=(const input_on_disk&) = delete;

  void put(std::string_view input) {
    const std::uint64_t size = input.size();
    std::memcpy(at_, &size, sizeof size);
    if (size != 0) std::memcpy(at_ + sizeof size, input.data(), size);
  }
  static std::string get(const fs::path& from) {
    const std::string bytes = content(from);
    std::uint64_t size = 0;
    if (bytes.size() < sizeof size) return bytes;
    std::memcpy(&size, bytes.data(), sizeof size);
    return bytes.substr(sizeof size, size);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  char* at_;
};

class changes {
 public:
  explicit changes(std::uint64_t seed) : random_(seed) {}

  std::string of(const std::vector<std::string>& pool) {
    std::string input = pool[below(pool.size())];
    for (std::size_t n = 1 + below(4); n > 0; --n) change(input, pool);
    if (input.size() > longest) input.resize(longest);
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  void change(std::string& input, const std::vector<std::string>& pool) {
    static constexpr std::uint64_t numbers[] = {0,
                                                1,
                                                2,
                                                0x7f,
                                                0x80,
                                                0xff,
                                                0x7fff,
                                                0x8000,
                                                0xffff,
                                                0x7fffffff,
                                                0x80000000,
                                                0xffffffff,
                                                0x10000000,
                                                0x7fffffffffffffff,
                                                0x8000000000000000,
                                                0xffffffffffffffff};
    const std::size_t at = below(input.size() + 1);
    const std::size_t rest = input.size() - at;
    switch (below(9)) {
      case 0:
        if (rest != 0) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (rest != 0) input[at] = static_cast<char>(random_());
        break;
      case 2: input.insert(at, 1 + below(8), static_cast<char>(random_())); break;
      case 3: input.erase(at, 1 + below(16)); break;
      case 4: input.resize(at); break;
      case 5: input.insert(below(input.size() + 1), input.substr(at, 1 + below(64))); break;
      case 6: {
        const std::string& other = pool[below(pool.size())];
        const std::size_t from = below(other.size() + 1);
        if (below(2) == 0) input.resize(at);
        input.insert(at, other, from, 1 + below(256));
        break;
      }
      case 7: {  // a number, in the width of some field
        const std::uint64_t number =
            below(2) == 0 ? numbers[below(std::size(numbers))] : input.size();
        const std::size_t width = std::size_t{1} << below(4);
        for (std::size_t i = 0; i < width && at + i < input.size(); ++i)
          input[at + i] = static_cast<char>(number >> (8 * i));
        break;
      }
      default:  // a varint that goes on
        for (std::size_t i = 0, n = 1 + below(10); i < n && at + i < input.size(); ++i)
          input[at + i] = static_cast<char>(0xff);
        break;
    }
  }

  std::mt19937_64 random_;
};

/// Of a refusal, without what is different in each: numbers, what is quoted, and values, which come
/// last.
std::string words_of(const char* text) {
  std::string words;
  bool quoted = false;
  for (; *text != '\0' && (*text != ':' || quoted); ++text) {
    if (*text == '"') quoted = !quoted;
    if (!quoted && (*text < '0' || *text > '9')) words += *text;
  }
  return words;
}

/// What the reader answers: "" where it takes the input.
std::string answer(const reader& of, std::string_view input) {
  struct scope {
    scope() { reading = true; }
    ~scope() { reading = false; }
  };
  try {
    const scope now;
    of.read(input);
    return {};
  } catch (const error& e) {
    return words_of(e.what());
  } catch (const std::exception& e) {
    ADD_FAILURE() << "it threw what is no error of ours: " << e.what();
    return e.what();
  }
}

}  // namespace

void fuzz(const reader& of) {
  detail::set_log_level(detail::log_level::off);
  if (const char* const input = environment("MILLRACE_FUZZ_INPUT")) {
    std::printf("%s: \"%s\"\n", of.name.c_str(), answer(of, input_on_disk::get(input)).c_str());
    return;
  }
  const char* const seconds = environment("MILLRACE_FUZZ_SECONDS");
  const char* const seed = environment("MILLRACE_FUZZ_SEED");
  const std::uint64_t first = seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
  const auto until =
      clock::now() + std::chrono::seconds(seconds == nullptr ? 1 : std::atoi(seconds));

  std::vector<std::string> pool = of.seeds;
  const fs::path corpus = fs::path(MILLRACE_FUZZ_CORPUS) / of.name;
  if (fs::exists(corpus)) {
    std::vector<fs::path> files;
    for (const auto& file : fs::directory_iterator(corpus)) files.push_back(file.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) pool.push_back(content(file));
  }
  ASSERT_FALSE(pool.empty());

  input_on_disk now(of.name);
  SCOPED_TRACE("MILLRACE_FUZZ_SEED=" + std::to_string(first) +
               "; again: MILLRACE_FUZZ_INPUT=" + now.path().string());
  std::set<std::string> heard;
  std::uint64_t taken = 0;
  std::uint64_t all = 0;
  const auto look = [&](const std::string& input) {
    now.put(input);
    ++all;
    const std::string said = answer(of, input);
    if (said.empty()) ++taken;
    return heard.insert(said).second;
  };
  for (const std::string& input : pool) {
    look(input);
    if (::testing::Test::HasFailure()) return;
  }
  changes some(first);
  while (clock::now() < until) {
    for (int i = 0; i < 64; ++i) {
      const std::string input = some.of(pool);
      const bool is_new = look(input);
      if (::testing::Test::HasFailure()) return;
      if (!is_new) continue;
      pool.push_back(input);
      if (environment("MILLRACE_FUZZ_KEEP") == nullptr) continue;
      fs::create_directories(corpus);
      std::ofstream(corpus / ("answer-" + std::to_string(heard.size())), std::ios::binary) << input;
    }
  }
  std::printf("%s: seed %llu, %llu inputs, %llu taken, %zu different answers\n", of.name.c_str(),
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(all),
              static_cast<unsigned long long>(taken), heard.size());
}

}  // namespace millrace::fuzz
