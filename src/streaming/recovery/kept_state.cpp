#include "streaming/recovery/kept_state.hpp"

#include <utility>

#include "millrace/error.hpp"

namespace millrace::detail {

kept_version::~kept_version() = default;
kept_restore::~kept_restore() = default;
kept_state::~kept_state() = default;

std::string kept_identity::description() const {
  return kind + (name.empty() ? " " : " \"" + name + "\" ") + "of " + fingerprint;
}

bool kept_identity::matches(const kept_identity& other) const {
  if (!name.empty() && !other.name.empty() && name != other.name) return false;
  return kind == other.kind && fingerprint == other.fingerprint;
}

std::vector<int> matched(std::span<const kept_identity> now,
                         std::span<const kept_identity> written) {
  std::vector<int> found(now.size(), -1);
  std::vector<bool> taken(written.size());
  for (const bool same_name : {true, false}) {
    for (std::size_t i = 0; i < now.size(); ++i) {
      for (std::size_t j = 0; j < written.size() && found[i] < 0; ++j) {
        if (taken[j] || !now[i].matches(written[j])) continue;
        if (same_name && now[i].name != written[j].name) continue;
        found[i] = static_cast<int>(j);
        taken[j] = true;
      }
    }
  }
  return found;
}

void check_matches(const kept_identity& now, const kept_identity& as_written) {
  if (now.matches(as_written)) return;
  throw usage_error("the state was written by " + as_written.description() +
                    " and cannot be brought back as " + now.description());
}

bool whole_is_due(std::span<const kept_piece> pieces) {
  constexpr std::size_t most_changes = 64;
  if (pieces.empty() || pieces.size() > most_changes) return true;
  std::uint64_t changes = 0;
  for (const kept_piece& piece : pieces.subspan(1)) changes += piece.bytes;
  return changes > pieces[0].bytes;
}

std::vector<kept_state_ptr> kept_states(const stream_graph& graph) {
  std::vector<kept_state_ptr> all;
  std::vector<kept_identity> known;
  for (stream_node* const stream : graph.used()) {
    for (kept_state_ptr& kept : stream->kept_states()) {
      kept_identity one = kept->identity();
      for (const kept_identity& other : known) {
        if (one.name != other.name || !one.matches(other)) continue;
        throw usage_error(
            "two operations keep state that a checkpoint could not tell apart; give each a name "
            "of its own with named(): " +
            one.description() + " and " + other.description());
      }
      known.push_back(std::move(one));
      all.push_back(std::move(kept));
    }
  }
  return all;
}

}  // namespace millrace::detail
