"""BM25 by counting: what the best documents of a query are, and what they score, to the last bit. Knows nothing of mola."""
import array
import collections
import math

import numpy as np


class Oracle:
    """Over documents that are lists of words; a document's number is its place."""

    def __init__(self, documents, k1, b, k3):
        self.k1, self.b, self.k3 = (float(np.float32(p)) for p in (k1, b, k3))  # they are kept as 32-bit floats
        rows, words, lengths, self.numbers = array.array('I'), array.array('I'), array.array('q'), {}
        for row, document in enumerate(documents):
            words.extend([self.numbers.setdefault(word, len(self.numbers)) for word in document])
            rows.extend([row] * len(document))
            lengths.append(len(document))
        self.words, self.lengths = list(self.numbers), np.array(lengths)
        self.tokens = np.frombuffer(words, np.uint32)
        pairs = self.tokens.astype(np.uint64) << np.uint64(32) | np.frombuffer(rows, np.uint32)
        pairs, self.times = np.unique(pairs, return_counts=True)
        self.rows = (pairs & np.uint64(0xffffffff)).astype(np.int64)
        self.begins = np.searchsorted(pairs, np.arange(len(self.words) + 1, dtype=np.uint64) << np.uint64(32))
        self.documents = int(np.count_nonzero(self.lengths))
        self.average = int(self.lengths.sum()) / self.documents

    def frequency(self, word):
        """How many documents have it."""
        number = self.numbers.get(word)
        return 0 if number is None else int(self.begins[number + 1] - self.begins[number])

    def best(self, words, count):
        """[(number, score)], the score as the 32-bit float that a client sees."""
        scores = np.zeros(len(self.lengths))
        for word, asked in collections.Counter(words).items():  # in the order of their first occurrence
            if word not in self.numbers:
                continue
            own = slice(self.begins[self.numbers[word]], self.begins[self.numbers[word] + 1])
            rows, times = self.rows[own], self.times[own]
            idf = math.log(1 + (self.documents - len(rows) + 0.5) / (len(rows) + 0.5))
            norm = self.k1 * (1 - self.b + self.b * self.lengths[rows] / self.average)
            scores[rows] += idf * (self.k1 + 1) * times / (times + norm) * ((self.k3 + 1) * asked / (self.k3 + asked))
        single = scores.astype(np.float32)
        found = np.flatnonzero(single > 0)
        if len(found) > count:
            found = found[single[found] >= np.partition(single[found], -count)[-count]]
        found = found[np.lexsort((found, -single[found]))][:count]
        return [(int(i), float(single[i])) for i in found]
