"""One right document of each kind in most dialects; cases of rules change a line of them."""

from __future__ import annotations

_CATALOG = """\
  catalog:
    application:
      icon: ./resources/icon.png
      tagline: Weighs what comes in.
    organization:
      - name: Example Scales
"""
_CONFIGURATION = """\
configuration:
  sections:
    - name: Scale
      settings:
        - parameter: unit
          name: Unit
          schema: unitWord
        - parameter: samples
          name: Samples
          schema: sampleCount
  schema:
    - name: unitWord
      dataType: string
      maxLength: 12
      regexMatch: "^[a-z]+$"
    - name: sampleCount
      dataType: integer
      minValue: 1
      maxValue: 64
"""

DESCRIPTION_A = f"""\
apiVersion: margo.org/v1-alpha1
kind: application
metadata:
  id: com-example-scale
  name: Scale
  version: "1.0"
{_CATALOG}\
deploymentProfiles:
  - type: docker-compose
    components:
      - name: scale
        properties:
          packageLocation: https://packages.example/scale.tar.gz
parameters:
  unit:
    value: gram
    targets:
      - pointer: ENV.SCALE_UNIT
        components: [scale]
  samples:
    value: 8
    targets:
      - pointer: ENV.SCALE_SAMPLES
        components: [scale]
{_CONFIGURATION}"""

DESCRIPTION_B = f"""\
apiVersion: margo.org/v1-alpha1
kind: ApplicationDescription
metadata:
  id: com-example-scale
  name: Scale
  version: "1.2.0"
{_CATALOG}\
deploymentProfiles:
  - type: helm.v3
    id: scale-helm
    description: On a cluster with a load cell.
    components:
      - name: scale-database
        properties:
          repository: oci://registry.example/charts/database
          revision: 2.3.7
      - name: scale
        properties:
          repository: oci://registry.example/charts/scale
          revision: 1.2.0
          wait: true
          timeout: 8m30s
    requiredResources:
      cpu:
        cores: 1.5
        architectures: [amd64]
      memory: 512Mi
      peripherals:
        - type: display
  - type: compose
    id: scale-compose
    components:
      - name: scale-stack
        properties:
          packageLocation: https://packages.example/scale.tar.gz
parameters:
  unit:
    value: gram
    targets:
      - pointer: scale.unit
        components: [scale]
      - pointer: ENV.SCALE_UNIT
        components: [scale-stack]
  samples:
    value: 8
    targets:
      - pointer: scale.samples
        components: [scale]
{_CONFIGURATION}"""

DESCRIPTION_C = (
    DESCRIPTION_B.replace(
        "metadata:\n  id: com-example-scale\n", "id: com-example-scale\nmetadata:\n"
    )
    .replace("helm.v3", "helm")
    .replace("ENV.", "")
)

DESCRIPTION_D = f"""\
apiVersion: v1
id: com-example-scale
metadata:
  name: Scale
  version: "1.2.0"
{_CATALOG}\
deploymentProfiles:
  - type: compose
    id: scale-compose
    components:
      - name: scale-stack
        properties:
          repository: oci://registry.example/scale
          revision: 1.2.0
          timeout: 8m30s
    deviceConstraints:
      capacityRequirements:
        cpu:
          cores: 0.5
          architectures: [amd64, arm64]
        memory: 512Mi
      eligibilityRules:
        - propertySelector:
            matchExpressions:
              - key: /interfaces
                operator: ContainsAny
                itemSelector:
                  matchExpressions:
                    - key: /type
                      operator: In
                      values: [ethernet, wifi]
          labelSelector:
            matchExpressions:
              - key: example.com/hall
                operator: Exists
              - key: example.com/floor
                operator: Gt
                values: [2]
parameters:
  unit:
    value: gram
    targets:
      - pointer: SCALE_UNIT
        components: [scale-stack]
  samples:
    value: 8
    targets:
      - pointer: SCALE_SAMPLES
        components: [scale-stack]
{_CONFIGURATION}"""

DEPLOYMENT_B = """\
apiVersion: application.margo.org/v1alpha1
kind: ApplicationDeployment
metadata:
  annotations:
    id: 7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4
    applicationId: com-example-scale
  name: scale-north
  namespace: mill
spec:
  deploymentProfile:
    type: helm.v3
    components:
      - name: scale-database
        properties:
          repository: oci://registry.example/charts/database
          revision: 2.3.7
      - name: scale
        properties:
          repository: oci://registry.example/charts/scale
          revision: 1.2.0
          wait: true
  parameters:
    unit:
      value: gram
      targets:
        - pointer: scale.unit
          components: [scale]
"""

DEPLOYMENT_D = """\
id: 7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4
metadata:
  name: scale-north
  namespace: mill
  deviceId: north/*
spec:
  applicationId: com-example-scale
  deploymentProfile:
    type: compose
    components:
      - name: scale-stack
        properties:
          repository: oci://registry.example/scale
          revision: 1.2.0
  parameters:
    unit:
      value: gram
      targets:
        - pointer: SCALE_UNIT
          components: [scale-stack]
"""

CAPABILITIES_A = """\
apiVersion: device.margo/v1
kind: DeviceCapabilities
properties:
  id: north.press
  vendor: Example Devices
  modelNumber: P-100
  serialNumber: "0001"
  roles: [Standalone Device]
  resources:
    memory: 64.0 GB
    storage: 2000 GB
    cpus:
      - architecture: Intel x64
        cores: 8
  peripherals: []
  interfaces: []
"""

CAPABILITIES_B = """\
apiVersion: device.margo.org/v1alpha1
kind: DeviceCapabilitiesManifest
properties:
  id: north.press
  vendor: Example Devices
  modelNumber: P-100
  serialNumber: "0001"
  roles:
    - Standalone Device
  resources:
    cpu:
      cores: 4
      architecture: amd64
    memory: 59Gi
    storage: 1862Gi
    peripherals:
      - type: gpu
    interfaces:
      - type: ethernet
"""

CAPABILITIES_D = """\
properties:
  id: north/press
  vendor: Example Devices
  modelNumber: P-100
  serialNumber: "0001"
  cpus:
    - cores: 4
      architecture: amd64
  memory: 59Gi
  storage: 1862Gi
  peripherals:
    - type: gpu
  interfaces:
    - type: ethernet
  otelCollector: true
  supportedRuntimes: [oci]
  supportedDeploymentTypes: [compose]
labels:
  example.com/hall: 3
"""

STATUS_B = """\
apiVersion: deployment.margo.org/v1alpha1
kind: DeploymentStatusManifest
deploymentId: 7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4
status:
  state: installed
components:
  - name: scale-database
    state: installed
  - name: scale
    state: installed
"""

STATUS_D = """\
deploymentId: 7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4
deviceId: north/press
adoptedManifestVersion: 4
status:
  state: failed
  error:
    code: image-pull
    source: scale-north
    message: The image could not be fetched.
components:
  - name: scale-database
    state: installed
  - name: scale-stack
    state: failed
    error:
      code: image-pull
      source: scale-stack
      message: The image could not be fetched.
"""

_DIGEST = "sha256:" + "5e" * 32
_ID = "7b1e3a52-6d5f-4c39-9f0e-51b6a1f0c2d4"
MANIFEST_D = f"""\
manifestVersion: 4
bundle:
  mediaType: application/vnd.margo.bundle.v1+tar+gzip
  digest: {_DIGEST}
  sizeBytes: 4096
  url: /api/v1/bundles/{_DIGEST}
deployments:
  - deploymentId: {_ID}
    digest: {_DIGEST}
    sizeBytes: 512
    url: /api/v1/deployments/{_ID}/{_DIGEST}
"""

INTENT = """\
apiVersion: margo-gitops/v1
kind: DeploymentIntent
name: scale
application:
  id: com-example-scale
  version: 1.2.0
profile: scale-compose
targets:
  sites: [north]
parameters:
  unit: gram
  password:
    fromSite: scale-password
"""

BASES = {
    name: text
    for name, text in globals().items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str)
}
