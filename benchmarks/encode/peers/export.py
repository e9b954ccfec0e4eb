# python3 export.py OUTDIR : img.onnx and txt.onnx of ViT-B/32, fp32 (opset 14, dynamic batch)
import inspect, sys, torch
sys.path.insert(0, __file__.rsplit('/', 1)[0]); from clipmodel import *
o = sys.argv[1]; torch.manual_seed(0)
def ex(m, x, f):
    m.eval(); torch.onnx.export(m, x, f'{o}/{f}.onnx', opset_version=14, **({'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}), input_names=['x'], output_names=['y'], dynamic_axes={'x': {0: 'b'}, 'y': {0: 'b'}}, do_constant_folding=True); print('wrote', f, flush=True)
im = torch.randn(2, 3, 224, 224)
ex(Vision(), im, 'img'); ex(TextG(), torch.randint(0, 49408, (2, 77)), 'txt')
