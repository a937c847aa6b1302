"""Tables that somebody typed, against what was published, typed here once more from the source that each test names

A source is a file of a public repository, or a paper. Where the package has a number in a form of its own (rotations as
angles), another form of it is taken here (quaternions), so that one slip of the hand can't be in both. What has no source
that can be read is listed in `UNCHECKED`, with the reason."""
import re
import numpy as np, pytest, torch
from scipy.spatial.transform import Rotation
from xvae import tables
from xvae.data import amass, check, cmu, fixtures, human36m as H, library, openmoji, pictures, pose2d, shoev2, skeletons

def words(text): return tuple(text.split())
def numbers(text): return np.array([[float(v) for v in line.split()] for line in text.strip().splitlines()])

UNCHECKED = {
    "skeletons.MEASURED[6], [11]": "taken from subject_measurements of the dataset's metadata.xml; no public text of that file was at hand to type it from again, so "
        "only the shape of a person is asked of them below",
    "human36m.SHIFT": "the 200 mm are isarandi/posepile's; that the silhouettes agree is measured by `check` on a real copy alone",
    "cmu.LOST, amass.HEAD_TOP, cmu.NOSE": "own choices, measured in the notebooks; published is only the length of nose to head, 115 mm",
    "check: 2,605 trials of CMU, 1,983 of AMASS": "quoted from search excerpts; the rows are marked or have slack",
    "shoev2: the release note": "known as quoted by people who use the data", "motion, renderer, drawn_shoes": "made up here; nothing is published of them"}

# Human3.6M: joints

H36M_32 = words("""Hips RightUpLeg RightLeg RightFoot RightToeBase Site LeftUpLeg LeftLeg LeftFoot LeftToeBase Site Spine Spine1 Neck Head Site
LeftShoulder LeftArm LeftForeArm LeftHand LeftHandThumb Site L_Wrist_End Site RightShoulder RightArm RightForeArm RightHand RightHandThumb Site
R_Wrist_End Site""") # anibali/h36m-fetch: metadata.xml, skel_pos
H36M_32_PARENTS = (-1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27,
                   30) # facebookresearch/VideoPose3D: common/h36m_dataset.py
STATIC = [4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31] # there, removed to leave 17

def test_seventeen_of_thirty_two():
    "facebookresearch/VideoPose3D: common/h36m_dataset.py (what it removes); open-mmlab/mmpose: preprocess_h36m.py (what it keeps); skel_pos for the names"
    assert H.FROM_32 == tuple(j for j in range(32) if j not in STATIC)
    assert H.FROM_32 == (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27) == tuple(fixtures.USED)
    named = dict(zip(skeletons.JOINTS, (H36M_32[j] for j in H.FROM_32)))
    assert named == dict(Pelvis="Hips", RHip="RightUpLeg", RKnee="RightLeg", RAnkle="RightFoot", LHip="LeftUpLeg", LKnee="LeftLeg", LAnkle="LeftFoot",
                         Spine="Spine1", Thorax="Neck", Nose="Head", Head="Site", LShoulder="LeftArm", LElbow="LeftForeArm", LWrist="LeftHand",
                         RShoulder="RightArm", RElbow="RightForeArm", RWrist="RightHand")

def test_parents_and_mirror():
    "facebookresearch/VideoPose3D: common/h36m_dataset.py: parents of the 32, shoulders rewired to joint 8; joints_left and joints_right among the 17"
    above = lambda j: -1 if H36M_32_PARENTS[j] < 0 else H36M_32_PARENTS[j] if H36M_32_PARENTS[j] in H.FROM_32 else above(H36M_32_PARENTS[j])
    parents = [H.FROM_32.index(above(j)) if above(j) >= 0 else -1 for j in H.FROM_32]
    parents[11] = parents[14] = 8
    assert skeletons.PARENTS == tuple(parents)
    mirror = list(range(17))
    for left, right in zip((4, 5, 6, 11, 12, 13), (1, 2, 3, 14, 15, 16)): mirror[left], mirror[right] = right, left
    assert skeletons.MIRROR == tuple(mirror)

def test_fourteen_of_seventeen():
    "microsoft/MeshTransformer: H36M_J17_TO_J14"
    assert skeletons.LSP14 == (3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10)
    assert [skeletons.JOINTS[j] for j in skeletons.LSP14] == [n.replace("Neck", "Thorax").replace("HeadTop", "Head") for n in pose2d.LSP]

# Human3.6M: bones

MEASURED = { # mm, measured from the poses in open-mmlab/mmpose: tests/data/h36m/test_h36m_body3d.npz (S1, S5, S7, S8) and geopavlakos/c2f-vol-demo: valid.mat (S9)
    1: dict(thigh=443, shin=454, forearm=252, hip=133, arm=279, shoulder=151, spine=233, thorax=257, nose=121, head=115),
    5: dict(thigh=428, shin=442, forearm=249, hip=119, arm=265, shoulder=143, spine=224, thorax=254, nose=117, head=115),
    7: dict(thigh=449, shin=438, forearm=247, hip=136, arm=276, shoulder=140, spine=226, thorax=255, nose=107, head=115),
    8: dict(thigh=452, shin=439, forearm=244, hip=147, arm=290, shoulder=169, spine=261, thorax=251, nose=120, head=115),
    9: dict(thigh=472, shin=469, forearm=249, hip=124, arm=296, shoulder=183, spine=256, thorax=250, nose=121, head=115)}
ENDS_AT = dict(thigh=("RKnee", "LKnee"), shin=("RAnkle", "LAnkle"), forearm=("RWrist", "LWrist"), hip=("RHip", "LHip"), arm=("RElbow", "LElbow"),
               shoulder=("RShoulder", "LShoulder"), spine=("Spine",), thorax=("Thorax",), nose=("Nose",), head=("Head",))

@pytest.mark.parametrize("subject", MEASURED)
def test_bone_lengths(subject):
    "By the joint at which a bone ends, so that an exchanged column shows as well"
    lengths = skeletons.subject_lengths(subject)
    for bone, joints in ENDS_AT.items():
        for joint in joints: assert lengths[skeletons.JOINTS.index(joint) - 1] == MEASURED[subject][bone], (bone, joint)

ANCHOR = numbers("""
0 0 0
123.8 11.3 47.2
21.1 394.1 244.9
146.9 827.8 196.3
-123.8 -11.3 -47.2
-81.5 420.7 40.8
-32.8 869.9 86.9
67.6 -208.7 -80.0
36.5 -459.1 -129.3
23.5 -565.9 -73.7
57.8 -649.2 -145.3
-82.4 -369.1 -153.3
-193.9 -127.6 -69.7
-285.6 30.2 103.7
157.0 -395.9 -63.6
212.5 -149.1 53.9
190.6 41.2 217.2
""") # mm from the pelvis: open-mmlab/mmpose: tests/data/h36m/test_h36m_body3d.npz, S1 "Directions 1", camera 54138969, first frame
PELVIS, PELVIS_PIXEL = np.array([-176.73, -321.05, 5203.88]), np.array([473.684, 444.942])

def test_a_published_pose():
    "It has S1's bones, is seen at its published pixel, and is what `check` and the fixtures look for"
    lengths = skeletons.bone_lengths(torch.tensor(ANCHOR)).numpy()
    assert np.abs(lengths - skeletons.subject_lengths(1).numpy()).max() < 1
    assert np.abs(H.to_pixels(PELVIS, 0) - PELVIS_PIXEL).max() < 0.01
    assert np.allclose(fixtures.ANCHOR, ANCHOR + PELVIS) and np.allclose(check.ANCHOR[0], PELVIS)
    for joint, place in check.ANCHOR.items(): assert np.abs(place - (ANCHOR[joint] + PELVIS)).max() < 0.06
    assert H.facing(ANCHOR[None])[0] > 0 and H.sides_agree(ANCHOR[None])[0] > 0.5

def test_subjects_without_a_source_are_people():
    "See UNCHECKED: S6 and S11 lie where the five measured subjects do, give or take a tenth"
    known = np.array([list(MEASURED[s].values()) for s in MEASURED], float)
    for subject in set(skeletons.SUBJECTS) - set(MEASURED):
        own = [float(skeletons.subject_lengths(subject)[skeletons.JOINTS.index(joints[0]) - 1]) for joints in ENDS_AT.values()]
        assert (own > 0.9 * known.min(0)).all() and (own < 1.1 * known.max(0)).all() and own[-1] == 115

# Human3.6M: cameras

INTRINSICS = { # facebookresearch/VideoPose3D: common/h36m_dataset.py: centre, focal length, radial (3), tangential (2, the other way round), float32
    "54138969": "512.54150390625 515.4514770507812 1145.0494384765625 1143.7811279296875 -0.20709891617298126 0.24777518212795258 -0.0030751503072679043 -0.0009756988729350269 -0.00142447161488235",
    "55011271": "508.8486328125 508.0649108886719 1149.6756591796875 1147.5916748046875 -0.1942136287689209 0.2404085397720337 0.006819975562393665 -0.0016190266469493508 -0.0027408944442868233",
    "58860488": "519.8158569335938 501.40264892578125 1149.1407470703125 1148.7989501953125 -0.2083381861448288 0.25548800826072693 -0.0024604974314570427 0.0014843869721516967 -0.0007599993259645998",
    "60457274": "514.9682006835938 501.88201904296875 1145.5113525390625 1144.77392578125 -0.198384091258049 0.21832367777824402 -0.008947807364165783 -0.0005872055771760643 -0.0018133620033040643"}
STANDS = { # there: orientation as a quaternion w x y z, camera to world; translation, mm
    1: """0.1407056450843811 -0.1500701755285263 -0.755240797996521 0.6223280429840088 1841.1070556640625 4955.28466796875 1563.4454345703125
0.6157187819480896 -0.764836311340332 -0.14833825826644897 0.11794740706682205 1761.278564453125 -5078.0068359375 1606.2650146484375
0.14651472866535187 -0.14647851884365082 0.7653023600578308 -0.6094175577163696 -1846.7777099609375 5215.04638671875 1491.972412109375
0.5834008455276489 -0.7853162288665771 0.14548823237419128 -0.14749594032764435 -1794.7896728515625 -3722.698974609375 1574.8927001953125""",
    5: """0.1467377245426178 -0.162370964884758 -0.7551892995834351 0.6178938746452332 2097.3916015625 4880.94482421875 1605.732421875
0.6159758567810059 -0.7626792192459106 -0.15728192031383514 0.1189815029501915 2031.7008056640625 -5167.93310546875 1612.923095703125
0.14291371405124664 -0.12907841801643372 0.7678384780883789 -0.6110143065452576 -1620.5948486328125 5171.65869140625 1496.43701171875
0.5920479893684387 -0.7814217805862427 0.1274748593568802 -0.15036417543888092 -1637.1737060546875 -3867.3173828125 1547.033203125""",
    6: """0.1337897777557373 -0.15692396461963654 -0.7571090459823608 0.6198879480361938 1935.4517822265625 4950.24560546875 1618.0838623046875
0.6147197484970093 -0.7628812789916992 -0.16174767911434174 0.11819244921207428 1969.803955078125 -5128.73876953125 1632.77880859375
0.1529948115348816 -0.13529130816459656 0.7646096348762512 -0.6112781167030334 -1769.596435546875 5185.361328125 1476.993408203125
0.5916101336479187 -0.7804774045944214 0.12832270562648773 -0.1561593860387802 -1721.668701171875 -3884.13134765625 1540.4879150390625""",
    7: """0.1435241848230362 -0.1631336808204651 -0.7548328638076782 0.6188824772834778 1974.512939453125 4926.3544921875 1597.8326416015625
0.6141672730445862 -0.7638262510299683 -0.1596645563840866 0.1177929937839508 1937.0584716796875 -5119.7900390625 1631.5665283203125
0.14550060033798218 -0.12874816358089447 0.7660516500473022 -0.6127139329910278 -1741.8111572265625 5208.24951171875 1464.8245849609375
0.5912848114967346 -0.7821764349937439 0.12445473670959473 -0.15196487307548523 -1734.7105712890625 -3832.42138671875 1548.5830078125""",
    8: """0.14110587537288666 -0.15589867532253265 -0.7561917304992676 0.619644045829773 2150.65185546875 4896.1611328125 1611.9046630859375
0.6169601678848267 -0.7647668123245239 -0.14846350252628326 0.11158157885074615 2219.965576171875 -5148.453125 1613.0440673828125
0.1471444070339203 -0.13377119600772858 0.7670128345489502 -0.6100369691848755 -1571.2215576171875 5137.0185546875 1498.1761474609375
0.5927824378013611 -0.7825870513916016 0.12147816270589828 -0.14631995558738708 -1476.913330078125 -3896.7412109375 1547.97216796875""",
    9: """0.15540587902069092 -0.15548215806484222 -0.7532095313072205 0.6199594736099243 2044.45849609375 4935.1171875 1481.2275390625
0.618784487247467 -0.7634735107421875 -0.14132238924503326 0.11933968216180801 1990.959716796875 -5123.810546875 1568.8048095703125
0.13357827067375183 -0.1367100477218628 0.7689454555511475 -0.6100738644599915 -1670.9921875 5211.98583984375 1528.387939453125
0.5879399180412292 -0.7823407053947449 0.1427614390850067 -0.14794869720935822 -1696.04345703125 -3827.099853515625 1591.4127197265625""",
    11: """0.15232472121715546 -0.15442320704460144 -0.7547563314437866 0.6191070079803467 2098.440185546875 4926.5546875 1500.278564453125
0.6189449429512024 -0.7600917220115662 -0.15300633013248444 0.1255258321762085 2083.182373046875 -4912.1728515625 1561.07861328125
0.14943228662014008 -0.15650227665901184 0.7681233882904053 -0.6026304364204407 -1609.8153076171875 5177.3359375 1537.896728515625
0.5894251465797424 -0.7818877100944519 0.13991211354732513 -0.14715361595153809 -1590.738037109375 -3854.1689453125 1578.017578125"""}

@pytest.mark.parametrize("table", [H.INTRINSICS, fixtures.INTRINSICS], ids=["reader", "fixtures"])
def test_lenses(table):
    "To the precision of float32, the tangential pair put the right way round"
    assert tuple(INTRINSICS) == H.CAMERAS == fixtures.CAMERAS
    for own, text in zip(table, INTRINSICS.values()):
        cx, cy, fx, fy, k1, k2, k3, p2, p1 = map(float, text.split())
        assert np.allclose(own, [fx, fy, cx, cy, k1, k2, k3, p1, p2], rtol=2e-7, atol=0)

@pytest.mark.parametrize("subject", STANDS)
def test_where_cameras_stand(subject):
    "The reader's angles and the fixtures' against the quaternions"
    assert set(STANDS) == set(H.EXTRINSICS) == set(skeletons.SUBJECTS)
    for camera, (w, x, y, z, *place) in enumerate(numbers(STANDS[subject])):
        to_camera = Rotation.from_quat([x, y, z, w]).inv().as_matrix()
        R, T = fixtures.camera_pose(subject, camera)
        assert np.abs(H.rotation(H.EXTRINSICS[subject][camera, :3]) - to_camera).max() < 1e-6 and np.abs(R - to_camera).max() < 1e-6
        assert np.abs(H.EXTRINSICS[subject][camera, 3:] - place).max() < 1e-3 and np.abs(T - place).max() < 1e-3

# Human3.6M: sequences and splits

MAPPING = """
Directions   1/- 1/2 1/- 1/- 1/- 1/- 1/-
Discussion   1/- 2/3 1/- 1/- 1/- 1/2 1/2
Eating       2/- 1/- 1/2 1/- 1/- 1/- 1/-
Greeting     1/- 1/2 1/- 1/- 1/- 1/- 2/-
Phoning      1/- 1/- 1/- 2/- 1/- 1/- 3/2
Posing       1/- 1/- 2/- 1/- 1/- 1/- 1/-
Purchases    1/- 1/- 1/- 1/- 1/- 1/- 1/-
Sitting      1/2 1/- 1/2 1/- 1/- 1/- 1/-
SittingDown  2/- -/1 1/- -/1 -/1 -/1 -/1
Smoking      1/- 1/- 1/- 1/- 1/- 1/- 2/-
Photo        1/- -/2 -/1 -/1 1/- 1/- 1/-
Waiting      1/- 1/2 3/- 1/2 1/- 1/- 1/-
Walking      1/- 1/- 1/- 1/2 1/- 1/- 1/-
WalkDog      1/- 1/- 1/- 1/- 1/- 1/- 1/-
WalkTogether 1/- 1/- 1/- 1/- 1/2 1/- 1/-
""".strip().splitlines() # anibali/h36m-fetch: metadata.xml, mapping; files of take 1 / take 2 of S1, S5, S6, S7, S8, S9, S11; - = no number

def test_takes():
    "210 names of files, and no others"
    assert sorted(line.split()[0] for line in MAPPING) == sorted(H.ACTIONS) == sorted(fixtures.SUFFIXES)
    for action, *pairs in map(str.split, MAPPING):
        for subject, pair in zip((1, 5, 6, 7, 8, 9, 11), pairs):
            name = {"Photo": "TakingPhoto", "WalkDog": "WalkingDog"}.get(action, action) if subject == 1 else action
            takes = {f"{name} {number}".removesuffix(" -"): take for take, number in enumerate(pair.split("/"), 1)}
            for stem in [name, *(f"{name} {n}" for n in range(4))]:
                if stem in takes: assert H.take_number(subject, stem) == (action, takes[stem])
                else:
                    with pytest.raises(ValueError, match="has no sequence"): H.take_number(subject, stem)
            assert [fixtures.sequence_name(subject, action, take) for take in (1, 2)] == list(takes)

def test_frames():
    "anibali/h36m-fetch: metadata.xml, frames: fifth values of 30 sequences each, added up; together 1,559,985 to train on and 550,727 to test on"
    assert H.FRAMES == {1: 248429, 5: 396358, 6: 249907, 7: 406533, 8: 258758, 9: 317720, 11: 233007}
    assert sum(H.FRAMES[s] for s in (1, 5, 6, 7, 8)) == 1_559_985 and H.FRAMES[9] + H.FRAMES[11] == 550_727

def test_who_is_trained_and_tested():
    "The paper, section 4.2; facebookresearch/VideoPose3D: S1, S5, S6, S7, S8 against S9, S11; stride 5 to train is SPIN's and mmpose's, 64 to test is Integral's"
    import inspect
    defaults = {k: p.default for k, p in inspect.signature(H.footage).parameters.items()}
    assert skeletons.SUBJECTS == (1, 5, 6, 7, 8, 9, 11) and library.TRAINED == (1, 5, 6, 7, 8) and defaults["test_subjects"] == (9, 11)
    assert (defaults["train_stride"], defaults["test_stride"]) == (5, 64)

def test_known_defects():
    "mks0601/3DMPPE_POSENET_RELEASE: h36m2coco.py (s_11_act_02_subact_02_ca_01 is left out); isarandi/posepile (three takes of S9 are 200 mm off in x)"
    assert H.CORRUPT == (11, "Directions", 0) and fixtures.CORRUPT == (11, "Directions", 2, 0) and H.take_number(11, "Directions") == ("Directions", 2)
    assert set(H.SHIFTED) == {(9, "Greeting"), (9, "SittingDown 1"), (9, "Waiting 1")} and H.SHIFT.tolist() == [-200, 0, 0]
    assert {(9, *H.take_number(9, stem)) for _, stem in H.SHIFTED} == fixtures.SHIFTED == {(9, "Greeting", 2), (9, "SittingDown", 2), (9, "Waiting", 1)}

# 2D sets and detectors

COCO_17 = words("Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LAnkle RAnkle")
FEET = words("LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel")
ORDERS = {
    "nkolot/SPIN: datasets/preprocess/lsp_dataset.py; bearpaw/pytorch-pose: miscs/gen_lsp.m":
        (pose2d.LSP, words("RAnkle RKnee RHip LHip LKnee LAnkle RWrist RElbow RShoulder LShoulder LElbow LWrist Neck HeadTop")),
    "microsoft/human-pose-estimation.pytorch: lib/dataset/mpii.py":
        (pose2d.MPII, words("RAnkle RKnee RHip LHip LKnee LAnkle Pelvis Thorax UpperNeck HeadTop RWrist RElbow RShoulder LShoulder LElbow LWrist")),
    "CMU-Perceptual-Computing-Lab/openpose: src/openpose/pose/poseParameters.cpp, POSE_COCO_BODY_PARTS":
        (pictures.COCO_18, words("Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee LAnkle REye LEye REar LEar")),
    "there, POSE_BODY_25_BODY_PARTS":
        (pictures.BODY_25, words("Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle REye LEye REar LEar") + FEET),
    "there, POSE_BODY_25B_BODY_PARTS, and the first 25 of POSE_BODY_135_BODY_PARTS": (pictures.BODY_25B, (*COCO_17, "UpperNeck", "HeadTop", *FEET)),
    "there, BODY_25B's first 17: COCO's own": (pictures.COCO_17, COCO_17),
    "Fang-Haoshu/Halpe-FullBody: README.md, Keypoints format":
        (pictures.HALPE_26, (*COCO_17, *words("Head Neck Hip LBigToe RBigToe LSmallToe RSmallToe LHeel RHeel"))),
    "vchoutas/smplx: smplx/joint_names.py, the body's 22, and a point of our own":
        (amass.BODY_JOINTS, words("pelvis L_hip R_hip spine1 L_knee R_knee spine2 L_ankle R_ankle spine3 L_foot R_foot neck L_collar R_collar head L_shoulder R_shoulder "
                                  "L_elbow R_elbow L_wrist R_wrist head_top"))}

@pytest.mark.parametrize("source", ORDERS)
def test_orders_of_joints(source):
    own, published = ORDERS[source]
    assert own == published

def test_where_our_joints_are():
    "akanazawa/hmr: src/datasets/mpii_to_tfrecords.py (MPII to LSP); microsoft/MeshTransformer (H36M to LSP); nkolot/SPIN: read_openpose.py (BODY_25 to LSP's twelve)"
    mpii_to_lsp = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9]
    for at, j in enumerate((3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10)):
        assert pose2d.FROM_LSP[j] == at and pose2d.FROM_MPII[j] == mpii_to_lsp[at]
    assert [j for j in range(17) if pose2d.FROM_LSP[j] < 0] == [0, 7, 9] and pose2d.FROM_MPII[0] == 6 and [j for j in range(17) if pose2d.FROM_MPII[j] < 0] == [7, 9]
    op_to_12 = [11, 10, 9, 12, 13, 14, 4, 3, 2, 5, 6, 7]
    assert [pictures.FROM_BODY_25[j] for j in (3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13)] == op_to_12 and pictures.FROM_BODY_25[0] == 8
    assert {k: v for v, k in enumerate(pictures.FROM_BODY_25) if k >= 0} == fixtures.BODY_25
    assert {k: v for v, k in enumerate(pictures.FROM_COCO_18) if k >= 0} == fixtures.COCO_18

def test_parts_of_the_2d_sets():
    "The READMEs of LSP (1,000 to train on, 1,000 to test on) and LSPET (10,000); the three pictures that several readers of MPII list as missing"
    assert pose2d.PARTS == dict(train=slice(0, 1000), test=slice(1000, None), all=slice(None))
    assert set(pose2d.NOT_RELEASED) == {"040348287.jpg", "013401523.jpg", "002878268.jpg"}

def test_deeplab():
    "pytorch/vision: torchvision/models/segmentation/deeplabv3.py: file names; class 15 of Pascal VOC is a person"
    from torchvision.models import segmentation as S
    for name, weights in dict(deeplabv3_resnet50=S.DeepLabV3_ResNet50_Weights, deeplabv3_resnet101=S.DeepLabV3_ResNet101_Weights,
                              deeplabv3_mobilenet_v3_large=S.DeepLabV3_MobileNet_V3_Large_Weights).items():
        best = weights.COCO_WITH_VOC_LABELS_V1
        assert best.url.rpartition("/")[2] == pictures.DEEPLABS[name][1] and best.meta["categories"][pictures.PERSON] == "person"
    assert pictures.DEEPLABS["deeplabv3_resnet50"][1] == "deeplabv3_resnet50_coco-cd0a2569.pth" and pictures.PERSON == 15

# Body models, CMU

def test_body_parents():
    "vchoutas/smplx: smplx/joint_names.py and the kintree_table of SMPL: parents of the 22; the head's top hangs from the head, 115 mm up (nose to head in Human3.6M)"
    assert amass.BODY_PARENTS == (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15)
    assert tuple(fixtures.SMPLH_PARENTS) == amass.BODY_PARENTS[:22] and np.linalg.norm(amass.HEAD_TOP) == pytest.approx(0.115)

BONES = words("""lhipjoint lfemur ltibia lfoot ltoes rhipjoint rfemur rtibia rfoot rtoes lowerback upperback thorax lowerneck upperneck head lclavicle
lhumerus lradius lwrist lhand lfingers lthumb rclavicle rhumerus rradius rwrist rhand rfingers rthumb""")
BVH = words("""Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase RHipJoint RightUpLeg RightLeg RightFoot RightToeBase LowerBack Spine Spine1 Neck Neck1 Head
LeftShoulder LeftArm LeftForeArm LeftHand LeftFingerBase LeftHandIndex1 LThumb RightShoulder RightArm RightForeArm RightHand RightFingerBase RightHandIndex1 RThumb""")

def test_names_of_cmu():
    "cyun9601/CMU-MOCAP-Data: 01.asf (30 bones); una-dinosauria/cmu-mocap: data/001/01_01.bvh (31 joints): each name that is used is there, on its side"
    assert len(BONES) == 30 and len(BVH) == 31
    for own, other in cmu.BONE_OF_JOINT.items(): assert other in BONES and (own[0].lower() == other[0] if own[0] in "LR" else True)
    for own, other in cmu.JOINT_OF_BVH.items():
        assert other.removesuffix(" end") in BVH and (other.startswith({"L": "Left", "R": "Right"}[own[0]]) if own[0] in "LR" else True)
    assert {other for pair in cmu.LOST.items() for other in (pair[0], pair[1][0])} <= set(BVH)
    assert {b[0] for b in fixtures.BONES} == set(BONES) and {b[2] for b in fixtures.BONES} | {"Hips"} == set(BVH)

def test_unit_of_cmu():
    "The database's own FAQ, as CalciferZh/AMCParser and others have it: 1 / 0.45 inch; 120 frames a second"
    assert cmu.BVH_UNIT == pytest.approx(56.4444, abs=1e-4) and cmu.FPS == 120

def test_keywords_of_asf():
    "M. Schafer, Acclaim Skeleton File Definition V1.10, 1994"
    assert set(cmu._KEYWORDS) == set(words("version name units documentation root bonedata hierarchy skin"))

# Shoes, OpenMoji

def test_numbers_of_shoev2():
    "The release note: 2,000 photos with 6,648 sketches, 1,800 with 5,982 and 200 with 666; AyanKumarBhunia/Baseline_FGSBIR: Code/rasterize.py: a canvas of 256"
    assert shoev2.COUNTS == dict(photos=(2000, 1800, 200), sketches=(6648, 5982, 666)) and shoev2.CANVAS == 256
    assert 1800 + 200 == 2000 and 5982 + 666 == 6648 and round(5982 / 6648, 2) == 0.9

def test_characters():
    "Unicode, UTS #51: the five Fitzpatrick modifiers, the joiner and the two variation selectors"
    import unicodedata
    assert [unicodedata.name(chr(int(t, 16))) for t in openmoji.TONES] == [f"EMOJI MODIFIER FITZPATRICK TYPE-{k}" for k in ("1-2", "3", "4", "5", "6")]
    assert [unicodedata.name(chr(int(m, 16))) for m in openmoji.MARKS] == ["ZERO WIDTH JOINER", "VARIATION SELECTOR-15", "VARIATION SELECTOR-16"]

# The paper

def test_numbers_of_the_paper():
    "Its Tables 1, 2 and 3; Table 2's 68.9 is no misprint here: Table 1 has 68.7 for 10 % and 68.1 for all"
    rows = {(r.method, r.supervision): (r.mpjpe, r.pa_mpjpe) for r in tables.PAPER_TABLE1.itertuples()}
    published = {("AIGNs", ""): (None, 97.2), ("Chen et al.", ""): (69.1, 51.9), ("Martinez et al.", ""): (62.9, 47.7), ("Pavlakos et al.", ""): (71.9, 51.9),
                 ("Zhou et al.", ""): (64.9, None), ("Kundu et al.", "10 %"): (None, 50.8), ("Ours", "10 %"): (68.7, 49.7), ("Ours", "100 %"): (68.1, 49.2)}
    assert rows.keys() == published.keys()
    for key, pair in published.items(): assert np.allclose(np.array(rows[key], float), np.array(pair, float), equal_nan=True)
    assert tables.PAPER_TABLE2[["mpjpe", "pa_mpjpe"]].values.tolist() == [[87.4, 55.0], [68.9, 49.7]]
    assert tables.PAPER_TABLE3.pa_mpjpe.tolist() == [76.7, 60.6]

# Nothing is forgotten

CHECKED = words("""skeletons.JOINTS skeletons.PARENTS skeletons.MIRROR skeletons.LSP14 skeletons.SUBJECTS skeletons.PARTS skeletons.MEASURED
human36m.CAMERAS human36m.INTRINSICS human36m.EXTRINSICS human36m.FRAMES human36m.FROM_32 human36m.ACTIONS human36m.RENAMED human36m.CORRUPT human36m.SHIFTED
human36m.SHIFT pose2d.LSP pose2d.MPII pose2d.FROM_LSP pose2d.FROM_MPII pose2d.PARTS pose2d.NOT_RELEASED pictures.COCO_18 pictures.BODY_25 pictures.BODY_25B
pictures.COCO_17 pictures.HALPE_26 pictures.FEET pictures.FROM_BODY_25 pictures.FROM_COCO_18 pictures.FROM_BODY_25B pictures.FROM_HALPE_26 pictures.PERSON
pictures.DEEPLABS amass.BODY_JOINTS amass.BODY_PARENTS amass.HEAD_TOP cmu.BONE_OF_JOINT cmu.JOINT_OF_BVH cmu.BVH_UNIT cmu.FPS cmu.LOST cmu.NOSE shoev2.COUNTS shoev2.CANVAS
check.ANCHOR library.TRAINED openmoji.TONES openmoji.MARKS""")
OURS = words("""human36m.VERSION human36m.MONO human36m.WORLD human36m.D2 human36m.VIDEOS human36m.BOXES human36m.MASKS human36m.TAIL human36m.FIELDS human36m.FETCHED
human36m.OTHERS pose2d.COPY pose2d.UNPACK pose2d.SAME pose2d.UNKNOWN pose2d.LEAST pose2d.TRAIN pose2d.MAT pose2d.WHITE pictures.VERSION pictures.MARGIN pictures.SEEN
pictures.FEWEST pictures.RUN pictures.READ pictures.NOT_READ pictures.MIDDLE pictures.LONGER pictures.SHARED pictures.STEP pictures.PICTURES pictures.VIDEOS
pictures.FETCH amass.SOURCES amass.ABOVE cmu.POSITIONS cmu.ROTATIONS cmu.DEAL shoev2.PICTURES shoev2.STAGE shoev2.NUMBERS shoev2.FORMS shoev2.PLACES shoev2.SIDES
shoev2.LAYOUTS shoev2.UNPACK check.AGAIN check.CHECKS openmoji.LINES openmoji.COLOURS openmoji.UNITS openmoji.SUBSETS openmoji.FACTORS""") # settings and words of this package

def test_every_typed_table_is_known():
    "A new constant of a reader is either compared here with its source, or is one of our own"
    modules = dict(skeletons=skeletons, human36m=H, pose2d=pose2d, pictures=pictures, amass=amass, cmu=cmu, shoev2=shoev2, check=check, library=library, openmoji=openmoji)
    found = {f"{name}.{k}" for name, module in modules.items() for k in module.__all__ if re.fullmatch("[A-Z][A-Z0-9_]*", k)}
    assert found == set(CHECKED) | set(OURS) and not set(CHECKED) & set(OURS)
