"""What other versions of Keras wrote otherwise: configs, arrays and states, brought into ours."""
