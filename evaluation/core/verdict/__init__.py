"""Is the minimum of a metric the favourite? Its tests, their four outcomes and the sentence on top."""
