// Makes the benchmarks' input:  generate DIRECTORY NAME…
// with NAME one of words, words_1m, words_3m_distinct, ysb. Each becomes a folder of pieces, one
// piece a batch. A folder that is there is complete (it is renamed into place) and is left alone.

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "python_random.hpp"

namespace {

namespace fs = std::filesystem;
using bench::python_random;

/// Writes whole lines into numbered files, each ending with the line that passes `piece_bytes`.
class piece_writer {
 public:
  piece_writer(fs::path folder, std::string extension, std::size_t piece_bytes)
      : folder_(std::move(folder)), extension_(std::move(extension)), piece_bytes_(piece_bytes) {}

  void line(std::string_view text) {
    piece_ += text;
    piece_ += '\n';
    if (piece_.size() > piece_bytes_) finish_piece();
  }

  void finish_piece() {
    if (piece_.empty()) return;
    std::array<char, 16> number{};
    std::snprintf(number.data(), number.size(), "%03d.", pieces_++);
    std::ofstream file(folder_ / (number.data() + extension_), std::ios::binary);
    file.write(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    file.close();
    if (!file) throw std::runtime_error("cannot write to " + folder_.string());
    piece_.clear();
  }

 private:
  fs::path folder_;
  std::string extension_;
  std::size_t piece_bytes_;
  std::string piece_;
  int pieces_ = 0;
};

// ---- words

std::string random_word(python_random& random) {
  const int length = std::clamp(static_cast<int>(random.gauss(6, 2.5)), 2, 14);
  std::string word;
  for (int i = 0; i < length; ++i) word += static_cast<char>('a' + random.below(26));
  return word;
}

/// Draws ranks with the probability 1 / rank.
class zipf {
 public:
  explicit zipf(std::size_t ranks) : cumulative_(ranks), first_(guide_size + 1) {
    double sum = 0;
    for (std::size_t i = 0; i < ranks; ++i) {
      sum += 1.0 / static_cast<double>(i + 1);
      cumulative_[i] = sum;
    }
    for (std::size_t i = 0; i <= guide_size; ++i) first_[i] = rank_of(guide_value(i), 0, ranks);
  }

  std::size_t operator()(python_random& random) const {
    const double u = random.random();
    const auto slot = static_cast<std::size_t>(u * guide_size);  // a power of two: exact
    const std::size_t rank = rank_of(u * cumulative_.back(), first_[slot], first_[slot + 1] + 1);
    return std::min(rank, cumulative_.size() - 1);
  }

 private:
  static constexpr std::size_t guide_size = 1U << 16U;

  double guide_value(std::size_t i) const {
    return static_cast<double>(i) / guide_size * cumulative_.back();
  }

  std::size_t rank_of(double value, std::size_t from, std::size_t to) const {
    const auto begin = cumulative_.begin();
    const auto last = begin + static_cast<std::ptrdiff_t>(std::min(to, cumulative_.size()));
    return static_cast<std::size_t>(
        std::upper_bound(begin + static_cast<std::ptrdiff_t>(from), last, value) - begin);
  }

  std::vector<double> cumulative_;
  std::vector<std::size_t> first_;  // where the search for a slot of [0, 1) begins
};

constexpr int words_a_line = 10;

void make_zipf_words(const fs::path& folder, std::size_t vocabulary, std::size_t bytes) {
  python_random random(7);
  std::vector<std::string> words;
  for (std::size_t i = 0; i < vocabulary; ++i) words.push_back(random_word(random));
  const zipf rank(vocabulary);

  piece_writer out(folder, "txt", 20'000'000);
  std::string line;
  // In steps of 10,000 lines, as the Python program that defines these bytes.
  for (std::size_t written = 0; written < bytes;) {
    for (int i = 0; i < 10'000; ++i) {
      line.clear();
      for (int k = 0; k < words_a_line; ++k) {
        if (k > 0) line += ' ';
        line += words[rank(random)];
      }
      out.line(line);
      written += line.size() + 1;
    }
  }
  out.finish_piece();
}

/// Each batch holds every one of `distinct` different words once, then more of them, uniformly
/// drawn, up to `bytes`, all in random order.
void make_distinct_words(const fs::path& folder, std::uint32_t distinct, std::size_t bytes,
                         int batches) {
  python_random random(7);
  std::vector<std::string> words;
  boost::unordered_flat_set<std::string> seen;
  while (words.size() < distinct) {
    std::string word = random_word(random);
    if (seen.insert(word).second) words.push_back(std::move(word));
  }

  piece_writer out(folder, "txt", SIZE_MAX);
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<std::uint32_t> order;
    std::size_t size = 0;
    const auto add = [&](std::uint32_t word) {
      order.push_back(word);
      size += words[word].size() + 1;
    };
    for (std::uint32_t i = 0; i < distinct; ++i) add(i);
    while (size < bytes) add(random.below(distinct));
    for (std::size_t i = order.size() - 1; i > 0; --i) {
      std::swap(order[i], order[random.below(static_cast<std::uint32_t>(i + 1))]);
    }
    std::string line;
    for (std::size_t i = 0; i < order.size(); ++i) {
      line += words[order[i]];
      const bool ends = i % words_a_line == words_a_line - 1 || i + 1 == order.size();
      if (ends) {
        out.line(line);
        line.clear();
      } else {
        line += ' ';
      }
    }
    out.finish_piece();
  }
}

// ---- Yahoo streaming benchmark: 1,000 ads in 100 campaigns, 1,000 events a millisecond

std::string uuid(std::uint64_t seed) {
  const std::uint64_t a = seed * 0x9E3779B97F4A7C15U + 1;
  const std::uint64_t b = (seed + 77) * 0xC2B2AE3D27D4EB4FU;
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012" PRIx64,
                static_cast<unsigned>(a >> 32), static_cast<unsigned>(a >> 16) & 0xffffU,
                static_cast<unsigned>(a) & 0xffffU, static_cast<unsigned>(b >> 48),
                b & 0xffffffffffffU);
  return text.data();
}

void make_ysb(const fs::path& folder, std::int64_t events) {
  std::vector<std::string> ads;
  std::ofstream campaigns(folder / "ads.csv");
  for (unsigned i = 0; i < 1000; ++i) {
    ads.push_back(uuid(i + 1));
    campaigns << ads.back() << ',' << i / 10 << '\n';
  }
  campaigns.close();
  if (!campaigns) throw std::runtime_error("cannot write to " + folder.string());

  constexpr std::array ad_types{"banner", "modal", "sponsored-search", "mail", "mobile"};
  constexpr std::array event_types{"view", "click", "purchase"};
  std::uint64_t state = 42;
  const auto draw = [&](std::uint64_t bound) {  // xorshift64
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % bound;
  };
  piece_writer out(folder, "json", 20'000'000);
  std::array<char, 512> line{};
  for (std::int64_t i = 0; i < events; ++i) {
    const std::string user = uuid(draw(100'000) + 5'000);
    const std::string page = uuid(draw(100'000) + 500'000);
    const std::string& ad = ads[draw(ads.size())];
    const char* ad_type = ad_types[draw(ad_types.size())];
    const char* event_type = event_types[draw(event_types.size())];
    const int length = std::snprintf(
        line.data(), line.size(),
        R"({"user_id": "%s", "page_id": "%s", "ad_id": "%s", "ad_type": "%s", )"
        R"("event_type": "%s", "event_time": "%)" PRId64 R"(", "ip_address": "1.2.3.4"})",
        user.c_str(), page.c_str(), ad.c_str(), ad_type, event_type,
        std::int64_t{1'700'000'000'000} + i / 1000);
    out.line({line.data(), static_cast<std::size_t>(length)});
  }
  out.finish_piece();
}

void make(const std::string& name, const fs::path& folder) {
  if (name == "words") {
    make_zipf_words(folder, 50'000, 200'000'000);
  } else if (name == "words_1m") {
    make_zipf_words(folder, 1'000'000, 100'000'000);
  } else if (name == "words_3m_distinct") {
    make_distinct_words(folder, 3'000'000, 60'000'000, 2);
  } else if (name == "ysb") {
    make_ysb(folder, 2'000'000);
  } else {
    throw std::runtime_error("no such data: " + name);
  }
}

void make_if_missing(const fs::path& directory, const std::string& name) {
  const fs::path folder = directory / name;
  if (fs::exists(folder)) return;
  const fs::path unfinished = directory / (name + ".unfinished");
  fs::remove_all(unfinished);
  fs::create_directories(unfinished);
  std::fprintf(stderr, "making %s\n", folder.c_str());
  make(name, unfinished);
  fs::rename(unfinished, folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("generate DIRECTORY words|words_1m|words_3m_distinct|ysb…\n", stderr);
    return 2;
  }
  try {
    for (int i = 2; i < argc; ++i) make_if_missing(argv[1], argv[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate: %s\n", error.what());
    return 1;
  }
}
