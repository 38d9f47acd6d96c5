"""pip: textgenrnn tqdm scikit-learn h5py"""

from textgenrnn import textgenrnn

textgen = textgenrnn()
texts = ["the cat sat on the mat", "the dog lay on the rug", "a bird flew over the house"] * 4
textgen.train_on_texts(texts, num_epochs=1, gen_epochs=0, batch_size=16, verbose=0)
assert len(textgen.generate(2, temperature=0.5, return_as_list=True, max_gen_length=20)) == 2
textgen.train_new_model(
    texts,
    num_epochs=1,
    gen_epochs=0,
    rnn_size=8,
    rnn_layers=1,
    dim_embeddings=8,
    max_length=5,
    batch_size=16,
    verbose=0,
)
